"""The record of what happened: one database, one writer.

`opening` opens it for `serve`, and stands apart: who only asks does not wait for the library of migrations.
"""

from bridge.store.digests import Merging
from bridge.store.handing import goes_with
from bridge.store.reading import PAGE
from bridge.store.store import Store, Work, Written
from bridge.store.unheard import OVER_UNHEARD
from bridge.store.work import (
    ChannelState,
    Ids,
    Judge,
    Judgement,
    Merged,
    Notices,
    Pause,
    QueueLength,
    Queues,
    Result,
    StoreError,
    StoreUnavailable,
    Told,
    Unsure,
)
from bridge.store.writer import Overloaded, Writer

__all__ = [
    "OVER_UNHEARD",
    "PAGE",
    "ChannelState",
    "Ids",
    "Judge",
    "Judgement",
    "Merged",
    "Merging",
    "Notices",
    "Overloaded",
    "Pause",
    "QueueLength",
    "Queues",
    "Result",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "Told",
    "Unsure",
    "Work",
    "Writer",
    "Written",
    "goes_with",
]
