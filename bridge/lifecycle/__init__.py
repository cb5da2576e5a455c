"""What a callback means for an alarm, and what becomes of its episodes.

    what is known ─┐
                   ├─► decide ─► Decision ─► advance ─► the episode as it is afterwards
    an alarm ──────┘

All of it is pure and total, and `alarm.received_at` is the only clock. `table` decides, `episodes`
changes. The store puts the episode back among what is known before it judges the next alarm of a batch.
"""

from bridge.lifecycle.episodes import EXPIRY_SECONDS, advance
from bridge.lifecycle.table import Decision, Outcome, Row, decide

__all__ = ["EXPIRY_SECONDS", "Decision", "Outcome", "Row", "advance", "decide"]
