"""`samples`: what can be sent, routed and rendered without a file."""

from typing import Annotated

import typer

from bridge import samples
from bridge.commands.output import WRONG_USAGE, columns, fail, say, say_json
from bridge.configuration.problems import did_you_mean

ABOUT = {
    "capture-2020-cvm-disk-triggered": "CVM disk above 10 %, Chinese; live traffic",
    "capture-2020-mysql-cpu-recovered": "MySQL CPU back to normal after 4 minutes, Chinese; live traffic",
    "capture-2021-cvm-cpuload-recovered-no-recover-time": "CVM load back to normal, without saying when; live traffic",
    "capture-2021-cvm-memory-triggered": "CVM memory above 90 %, English; live traffic",
    "capture-2021-mysql-cpu-triggered": "MySQL CPU above 80 %, untranslated names; live traffic",
    "doc-2017-metric-triggered": "CVM CPU, times inside the policy; document of 2017",
    "doc-2019-event-triggered": "CVM cannot be pinged, an event, Chinese; document of 2019",
    "doc-2019-metric-triggered": "CVM CPU, numbers instead of texts, Chinese; document of 2019",
    "doc-2021-event-triggered": "CVM cannot be pinged, an event, English; document of 2021",
    "doc-2022-cloudevents": "CVM cannot be pinged, a CloudEvent; EventBridge document of 2022",
    "doc-2022-event-triggered-no-policy-id": "CVM cannot be pinged, an event without policy id; document of 2022",
    "doc-2022-eventbridge-event": "CVM restarted, an event through EventBridge; document of 2022",
    "doc-2023-cloudevents-antiddos": "end of a DDoS attack, a CloudEvent; Anti-DDoS document of 2023",
    "doc-2023-eventbridge-event-mixed-case": "CVM restarted, keys in mixed case; EventBridge document of 2023",
    "doc-2023-metric-triggered-with-a-recover-time": "CVM CPU, firing though it has a recovery time; document of 2023",
    "template-body-recovered": "a user's own notification template, recovered: kept as unrecognised",
    "template-body-triggered": "a user's own notification template, triggered: kept as unrecognised",
    "verification-2019": "the console's check of the URL: kept, never announced",
}


def complete_sample(incomplete: str) -> list[str]:
    """Offer the samples to the shell."""
    return [name for name in samples.names() if name.startswith(incomplete)]


def list_samples(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            autocompletion=complete_sample,
            help="Print this one's body, to be kept in a file and changed.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Print so many at most.")] = 100,
) -> None:
    """List the built-in sample callbacks, or print one."""
    if name:
        _print_body(name)
        return
    known = [(name, ABOUT.get(name, "")) for name in samples.names()][:limit]
    if as_json:
        say_json([{"name": name, "about": about} for name, about in known])
    else:
        columns(known)


def _print_body(name: str) -> None:
    if name not in samples.names():
        hint = did_you_mean(name, samples.names()) or ": `alarm-bridge samples` lists them"
        fail(f"{name}: no sample has this name{hint}", WRONG_USAGE)
    say(samples.body(name).decode().rstrip("\n"))
