"""The parts that depend on the config, and how another config takes the place of the one in force.

What the config says is asked for anew for each batch, post and request: whatever is under way goes on
with the one it began with. `prepare` reads what a config needs; `apply` puts it in force, all at once.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from bridge.addressees import Addressees
from bridge.alarm import State
from bridge.channels import KINDS, Channel, Tools, mark_of, name_of
from bridge.channels.webhook import WebhookSettings
from bridge.clock import Clock
from bridge.composing import ByRoute, channel_view, composer
from bridge.config import Config
from bridge.crew import Crew
from bridge.edge.keeper import Keeper
from bridge.edge.webhook import EdgeWebhook
from bridge.heartbeat import Heartbeat
from bridge.intake import Intake
from bridge.message import Step
from bridge.metrics import Metrics
from bridge.pace import Budgets, Spacing, seconds_left, slowest
from bridge.planning import plan_of
from bridge.post import Post, Tell
from bridge.rendering import ChannelView, Renderer
from bridge.settings import ChannelSettings
from bridge.store import ChannelState, Pause, Store
from bridge.trouble import Reporter, Trouble
from bridge.troubles import Troubles
from bridge.web.callback import CallbackListener
from bridge.web.credentials import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A config with all that had to be read for it: to put it in force takes no time and cannot go wrong."""

    config: Config
    renderer: Renderer
    marks: Mapping[str, str]  # of the channels' settings
    states: Mapping[str, ChannelState]  # of the channels, as they were left
    pauses: Mapping[str, Pause]  # of what they share


def prepare(config: Config, store: Store) -> Prepared:
    """Read what a config needs: templates, certificates, and how its channels were left."""
    renderer = Renderer(config.templates)
    renderer.compile()  # before anybody can be kept waiting
    return Prepared(
        config=config,
        renderer=renderer,
        marks={name: mark_of(settings) for name, settings in config.channels.items()},
        states=store.channel_states(),
        pauses=store.pauses(),
    )


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts of a bridge that depend on the config, and the config in force."""

    config: Config
    intake: Intake
    crew: Crew
    tools: Tools
    metrics: Metrics
    troubles: Troubles
    clock: Clock
    visitors: Credentials  # of the console
    callbacks: CallbackListener | None = None  # None: not yet, or in the edge
    keeper: Keeper | None = None  # of the edge; None: all is done in this process
    heartbeat: Heartbeat | None = None
    budgets: Budgets = field(default_factory=Budgets)
    failing: defaultdict[str, set[State]] = field(default_factory=lambda: defaultdict(set))  # templates, by channel

    @property
    def marks(self) -> Mapping[str, str]:
        """The marks of the channels' settings."""
        return {name: post.mark for name, post in self.crew.posts.items()}

    def apply(self, prepared: Prepared) -> None:
        """Put a config in force, all of it at once."""
        config = prepared.config
        intake, posts = intake_of(config, self.clock), self._posts(prepared)
        beats_otherwise = config.heartbeat != self.config.heartbeat
        self.config, self.intake = config, intake
        self.metrics.know(config.channels)
        self.crew.assign(posts, prepared.states)
        self.troubles.begin(config.channels)
        self._relieve(posts)
        self.visitors.change(config.console.auth)
        if self.callbacks is not None:
            self.callbacks.renew(config.server)
        if self.heartbeat is not None and beats_otherwise:
            self.heartbeat.renew()
        if self.keeper is not None:
            self.keeper.renew()

    async def beat(self) -> None:
        """Have the heartbeat beat from when callbacks are taken: before, it would warn, and miss its first call."""
        if self.keeper is not None:
            await self.keeper.opened()
        if self.heartbeat is not None:
            await self.heartbeat.run()

    async def settled(self) -> None:
        """Wait until what was put in force holds in the edge as well."""
        if self.keeper is not None:
            await self.keeper.renewed()

    def _posts(self, prepared: Prepared) -> dict[str, Post]:
        """Say what the workers must know of their channels; one whose settings did not change stays open as it is."""
        config, posts = prepared.config, {}
        rates = slowest((room_of(name, settings), settings.rate) for name, settings in config.channels.items())
        for name, settings in config.channels.items():
            room = self._budget(room_of(name, settings), rates[room_of(name, settings)], prepared)
            kind, mark = KINDS[settings.type], prepared.marks[name]
            view = channel_view(name, settings, config.language, config.timezone)
            render = composer(
                view,
                settings.mention,
                routes=config.routes,
                renderer=prepared.renderer,
                failed=partial(note_template, self.metrics, self.troubles),
                now=self.clock.now,
                failing=self.failing[name],
            )
            urgency = ByRoute(config.routes, settings.mention)
            before = self.crew.posts.get(name)
            if before is not None and before.mark == mark:
                tell = self._tell(before.channel, view, prepared)
                posts[name] = replace(before, render=render, urgency=urgency, tell=tell)
                continue
            channel = self._open(settings)
            posts[name] = Post(
                name=name,
                channel=channel,
                tell=self._tell(channel, view, prepared),
                render=render,
                chat=kind.chat,
                one_by_one=kind.one_by_one,
                idempotent=kind.idempotent,
                rate=settings.rate,
                room=room,
                methods={step: self._budget(key, rate, prepared) for step, (key, rate) in settings.methods.items()},
                give_up_after=settings.give_up_after,
                fallback=settings.fallback,
                mark=mark,
                digest_over=settings.digest_over if kind.chat else 0,
                threads=Step.THREAD in kind.steps,
                urgency=urgency,
            )
        return posts

    def _relieve(self, posts: Mapping[str, Post]) -> None:
        """Let templates that failed be forgotten where none is left: what the edge writes would not show that."""
        for name, post in posts.items():
            while post.tell is not None and self.failing[name]:
                note_template(self.metrics, self.troubles, name, self.failing[name].pop(), "")

    def _budget(self, key: Hashable, rate: float | None, prepared: Prepared) -> Spacing:
        """Give what is counted together; a pause from before the restart holds for all that draw on it."""
        name = name_of(key)
        pause = prepared.pauses.get(name)
        left = seconds_left(pause.until, pause.begun_at, self.clock.now()) if pause else 0.0
        return self.budgets.of(name, rate, paused_until=self.clock.monotonic() + left)

    def _open(self, settings: ChannelSettings) -> Channel:
        """Open a channel; a webhook's calls are the edge's, where there is one."""
        channel = KINDS[settings.type].open(settings, self.tools)
        if self.keeper is None or not isinstance(settings, WebhookSettings):
            return channel
        return EdgeWebhook(channel, settings, self.keeper)

    def _tell(self, channel: Channel, view: ChannelView, prepared: Prepared) -> Tell | None:
        """Give what makes a channel's messages and posts them in the edge; None where a template of the user's does."""
        routes = prepared.config.routes
        sets = {*filter(None, (view.template, *view.sets, *(route.template for route in routes.all)))}
        if not isinstance(channel, EdgeWebhook) or prepared.renderer.has(sets, view.formats):
            return None

        def links(name: str) -> Mapping[str, str]:
            route = routes.named(name)
            return route.links if route else {}

        return channel.teller(view, links)


def room_of(name: str, settings: ChannelSettings) -> Hashable:
    """Give what a channel's messages are counted by: its room, or the channel itself where it has no limit."""
    return settings.room if settings.rate and settings.room is not None else name


def intake_of(config: Config, clock: Clock) -> Intake:
    """Give the upper half a snapshot of the config."""
    plans = {name: plan_of(settings) for name, settings in config.channels.items()}
    addressees = Addressees(routes=config.routes, channels=plans)
    return Intake(addressees=addressees, default_channels=config.default_channels, now=clock.now)


def note_template(metrics: Metrics, reporter: Reporter, channel: str, state: State, problem: str) -> None:
    """Count a template that fails, and let people know of it; without a problem it works again."""
    about = f"{channel}/{state}"
    if problem:
        metrics.template_failed(channel, state.value)
        reporter.trouble(Trouble.TEMPLATE_FAILING, about, problem)
    else:
        reporter.over(Trouble.TEMPLATE_FAILING, about)
