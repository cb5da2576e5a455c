"""A second process for the HTTP at both ends, and the pure work next to it.

    Tencent ──▶ web/callback ─▶ sources ─┐                      ┌─▶ intake, store, delivery
                                         desk ═══ wire ═══ link ┤
    endpoint ◀─ webhook ◀─ envelope ─ calls                     └── verdicts

The left half is `process`; it decides nothing and remembers nothing that is not on its way. The right half is
the bridge, with `keeper`, which starts another one where it ends. `packing` says how what travels is written.
"""
