"""An alarm's life in plain words: what came, what was decided and why, who was told, and what comes next.

    bridge.store.happened ─► story ─► lines for a person, or records for a program

Pure: it is given what is stored, the config, and the time.
"""

from bridge.story.hearing import Routed, routed
from bridge.story.lines import Words, lines
from bridge.story.names import Names, alarms_named, named_of, names_of, object_of
from bridge.story.next import next_of_alarm, next_of_delivery
from bridge.story.records import record_of

__all__ = [
    "Names",
    "Routed",
    "Words",
    "alarms_named",
    "lines",
    "named_of",
    "names_of",
    "next_of_alarm",
    "next_of_delivery",
    "object_of",
    "record_of",
    "routed",
]
