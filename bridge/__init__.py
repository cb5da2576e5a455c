"""Alarms from Tencent Cloud, in the chat where a team lives.

The path of an alarm:

    Tencent Cloud Monitor
          │ POST /callback
          ▼
    web/callback     credentials, size, body; answer in the words Tencent expects
          ▼
    sources/         bytes → Alarm, or Unrecognised: pure, one file per dialect
          ▼
    intake           ┌ one transaction, shared by every callback that is waiting ┐
                     │ remember   what was last heard of this alarm               │  store
                     │ decide     triggered · repeat · recovered, or nothing new  │  lifecycle: pure
                     │ route      which channels want it, and why                 │  routing: pure
                     │ address    which calls that makes in each of them          │  addressees, planning: pure
                     │ enqueue    one delivery for each call                      │  store
                     └ commit, then answer 200 ───────────────────────────────────┘
    ═════════════════ the outbox: nothing above this line is lost below it ═════════════════
    delivery         per channel: take what is due, in order, at its pace         queue, lanes, pace, condition
          ▼
    storm            in a chat that has too much to tell: one digest              digesting: pure
          ▼
    posting          one attempt: aim, render, begin, post                        aiming, composing, attempt, merging
          ▼
    rendering        event + template → message, safe in the channel's dialect    pure
          ▼
    channels/        post it; turn the answer into a verdict
          ▼
    retry            what becomes of the delivery, and of the channel             pure

The upper half never waits for a chat; the lower half never sees Tencent. `crew` has one worker
(`delivery`) for each channel, which is given a `post` (its channel, open) and an `outbox` (the store, as
it sees that). `probing` asks a broken channel whether it is mended, and `pardon` lets dead letters wait
again that were its fault. What is outermost at both ends, down to `sources` and from the
envelope of `webhook` channels on, is done by a process of its own, the `edge`. `app` wires the parts;
those that depend on the config are in `parts`, and `reloading` renews them. `troubles` are the bridge's
own alarms, which enter above as every other.
`housekeeping` does what is due by the clock, `attending` what commands asked for. `lookout`, `watch` and
`heartbeat` look whether all of it works. `serving` is the process around it; `cli` takes the commands, one
file each in `commands`, of which `check`, `sending` and `story` do the work of `check`, `send` and
`explain`. `config` reads the file, by the parts in `configuration`. The nouns that travel are in `alarm`,
`episode` and `message`.
"""

__version__ = "0.1.0"
