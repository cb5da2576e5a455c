"""The `alarm` of templates: every field that the documentation names, and no other."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.episode import short_id
from bridge.rendering import facts
from bridge.rendering.advice import Advice, advice, title
from bridge.rendering.plain import received_text
from bridge.rendering.telling import Telling

TAKEN_OVER = frozenset({  # as the callback has them
    "kind", "policy_id", "policy_name", "policy_type", "policy_type_name", "namespace", "region", "product",
    "metric", "metric_label", "event", "event_label", "object_id", "object_name", "app_id", "uin",
    "condition", "operator", "threshold", "value", "unit", "period", "url", "raw",
})  # fmt: skip
HEADLINE = 100  # characters of subject and object that are surely whole in a header of Slack's, which has 150 at most


class AlarmView:
    """An alarm and its event, seen as one. Texts are empty where absent; times are on the channel's clocks."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._event = telling.event
        self._alarm = telling.alarm

    def __getattr__(self, name: str) -> Any:
        if name in TAKEN_OVER:
            return getattr(self._alarm, name)
        raise AttributeError(name)

    @classmethod
    def names(cls) -> list[str]:
        """List the attributes that templates may read, sorted."""
        own = [name for name, value in vars(cls).items() if isinstance(value, property)]
        return sorted([*TAKEN_OVER, *own])

    @property
    def id(self) -> str:
        """The short id."""
        return self._event.short_id

    @property
    def key(self) -> str:
        """The alarm's identity."""
        return self._event.key or self._alarm.key

    @property
    def episode_id(self) -> str:
        """The episode's number."""
        return str(self._event.episode_id) if self._event.episode_id else ""

    @property
    def state(self) -> str:
        """What people are told."""
        return self._event.state.value

    @property
    def subject(self) -> str:
        """The label of the metric or event; of the bridge's own alarms what is wrong, in the channel's language."""
        return title(self._alarm, self._telling.channel.language)

    @property
    def advice(self) -> str:
        """What to do about one of the bridge's own alarms; `command` does it."""
        return self._advice().sentence

    @property
    def command(self) -> str:
        """What to type."""
        return self._advice().command

    @property
    def severity(self) -> str:
        """The level now."""
        return self._event.severity or self._alarm.severity

    @property
    def previous_severity(self) -> str:
        """The level before it rose."""
        return self._event.previous_severity

    @property
    def dimensions(self) -> Mapping[str, Any]:
        """The object's dimensions."""
        return dict(self._alarm.dimensions)

    @property
    def tags(self) -> Mapping[str, Any]:
        """The policy's tags."""
        return dict(self._alarm.tags)

    @property
    def details(self) -> Mapping[str, Any]:
        """What else the callback says."""
        return dict(self._alarm.details)

    @property
    def object(self) -> str:
        """The object as people know it: name and instance id."""
        return facts.object_title(self._alarm)

    @property
    def instance_id(self) -> str:
        """The instance's id among the dimensions."""
        return facts.instance_id(self._alarm)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The dimensions that say more than `object`; the instance's id, too, where a header is cut before it."""
        pairs = facts.dimension_pairs(self._alarm, self.object)
        is_cut = self._telling.channel.dialect == "slack" and len(self.subject) + len(self.object) > HEADLINE
        return [("id", self.instance_id), *pairs] if is_cut and self.instance_id else pairs

    @property
    def notes(self) -> list[tuple[str, str]]:
        """The details that the dimensions do not say too, as pairs."""
        return facts.detail_pairs(self._alarm)

    @property
    def received(self) -> str:
        """The callback as text, shortened."""
        return received_text(self._telling.body)

    @property
    def started_at(self) -> datetime | None:
        """The first occurrence."""
        return self._local(facts.started_at(self._event, self._alarm))

    @property
    def recovered_at(self) -> datetime | None:
        """The end of a recovered alarm."""
        return self._local(facts.recovered_at(self._event, self._alarm))

    @property
    def occurred_at(self) -> datetime | None:
        """The moment that the event speaks of."""
        return self._local(self._event.occurred_at)

    @property
    def received_at(self) -> datetime | None:
        """When the callback came."""
        return self._local(self._event.received_at)

    @property
    def duration(self) -> timedelta | None:
        """How long it lasts or lasted."""
        return facts.duration(self._event, self._alarm)

    @property
    def repeat_count(self) -> int:
        """How often it was repeated; of unrecognised callbacks, how many others came."""
        return self._event.repeat_count

    @property
    def again(self) -> bool:
        """Whether it came again after it had recovered."""
        return self._event.again

    @property
    def unheard(self) -> bool:
        """Whether its trigger was never heard."""
        return self._event.unheard

    @property
    def instead_of(self) -> str:
        """The broken channel in whose place this one is told."""
        return self._telling.instead[0]

    @property
    def because(self) -> str:
        """Why that one is broken."""
        return self._telling.instead[1]

    @property
    def follows(self) -> str:
        """Why its message could not be changed or answered, where this one goes on from there."""
        return self._telling.follows

    @property
    def late(self) -> timedelta | None:
        """How long the message waited, where that was more than 10 minutes."""
        return self._telling.late

    @property
    def together(self) -> bool:
        """Whether it triggered and recovered while the message waited: one message tells both."""
        return self._telling.together

    @property
    def last_message(self) -> str:
        """The address of its message before, where it comes again."""
        return self._telling.before

    @property
    def successor(self) -> str:
        """The short id of the episode that replaced this one."""
        return short_id(self._event.successor) if self._event.successor else ""

    def _advice(self) -> Advice:
        return advice(self._alarm, self._telling.channel.language, is_over=self._event.state.ends)

    def _local(self, moment: datetime | None) -> datetime | None:
        return moment.astimezone(self._telling.channel.timezone) if moment else None
