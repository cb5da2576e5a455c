"""A scenario from a seed: always the same one from the same."""

from dataclasses import replace
from itertools import combinations
from random import Random

from tests.simulation import chat
from tests.simulation.lives import POLICIES, Teller
from tests.simulation.scenario import ChannelPlan, Fault, Plan, RoutePlan, Scenario, Told

LEAST_CALLBACKS = 100
LEAST_KINDS = 5
NIGHT = 28 * 3600.0  # seconds: longer than an alarm may be silent
MORNING = 5400.0  # after it, callbacks of alarms that expired
CHANNEL_FAULTS = (
    chat.LIMITED, chat.UNAVAILABLE, chat.TAKEN_UNSAID, chat.LOST, chat.SLOW, chat.UNSURE, chat.RICH, chat.REFUSED,
    chat.PAGE, "broken", "down", "vanished",
)  # fmt: skip
OTHER_FAULTS = (
    "kill",
    "kill",
    "restart",
    "reload",
    "full disk",
    "slow disk",
    "clock step",
    "close",
    "replay",
    "replay",
)
GIVE_UP = (86400, 86400, 86400, 1800, 600)  # seconds


def _some_of(*steps: str) -> tuple[tuple[str, ...], ...]:
    return tuple(some for size in range(len(steps) + 1) for some in combinations(steps, size))


SLACK_REPEATS = _some_of("update", "thread", "post")
SLACK_ENDS = _some_of("update", "thread", "broadcast", "post")


def make(seed: int) -> Scenario:
    """Make the scenario of a seed."""
    random = Random(seed)
    span = random.choice((1800, 3600, 5400))
    teller = Teller(random, span)
    told = teller.all(LEAST_CALLBACKS)
    plan = _plan(random)
    night = NIGHT if random.random() < 0.2 else 0.0
    if night:
        told += _morning(teller, told, span + night)
    return Scenario(
        seed=seed,
        plan=plan,
        told=tuple(sorted(told, key=lambda one: one.at)),
        faults=tuple(sorted(_faults(random, plan, span), key=lambda one: one.at)),
        other=_changed(random, plan),
        night=(span + MORNING, span + night) if night else None,
        notes=dict(teller.counted),
    )


def _morning(teller: Teller, told: list[Told], moment: float) -> list[Told]:
    """Speak again of some of the alarms that nobody ended."""
    ended = {(one.policy, one.watched) for one in told if one.status == "0"}
    left = [
        one for one in told if one.status == "1" and (one.policy, one.watched) not in ended and one.began is not None
    ]
    life = []
    for one in left:
        assert one.began is not None
        lasted = int(moment) + 60 - one.began if teller.random.random() < 0.6 else 0
        said = teller.say(int(moment) + 60, began=one.began, lasted=lasted, kind=one.kind)
        life.append(replace(said, policy=one.policy, watched=one.watched))
    return life


def _plan(random: Random) -> Plan:
    of_ops, of_hook = random.choice((("", ""), ("", ""), ("hook", ""), ("tickets", "tickets"), ("hook", "tickets")))
    some = ((), ("post",))
    over = random.choice((0, 4))
    channels = {
        "ops": ChannelPlan(
            type="slack",
            on_repeat=random.choice(SLACK_REPEATS),
            on_recovered=random.choice(SLACK_ENDS),
            fallback=of_ops,
            digest_over=over,
        ),
        "hook": ChannelPlan(
            type="slack_webhook",
            on_repeat=random.choice(some),
            on_recovered=random.choice(some),
            fallback=of_hook,
            digest_over=over,
        ),
        "dba": ChannelPlan(  # into the same room as ops
            type="slack",
            on_repeat=random.choice(SLACK_REPEATS),
            on_recovered=random.choice(SLACK_ENDS),
            digest_over=over,
        ),
        "tickets": ChannelPlan(type="webhook", on_repeat=("post",), on_recovered=("post",)),
    }
    routes = (
        RoutePlan(name="first", policies=("p0", "p1"), channels=("ops",), goes_on=True),
        RoutePlan(
            name="second", policies=("p1",), channels=("ops", "hook", "dba"), repeat_interval=random.choice((400, 1200)),
            on_repeat=("post",),
        ),
        RoutePlan(name="third", policies=("p2",), channels=("hook", "dba", "tickets"), repeat_interval=700),
        RoutePlan(name="nowhere", policies=("p3",), channels=() if random.random() < 0.5 else ("tickets",)),
    )  # fmt: skip
    assert set(POLICIES) > {policy for route in routes for policy in route.policies}
    return Plan(
        channels=channels, routes=routes, default_channels=("tickets", "ops"), give_up_after=random.choice(GIVE_UP)
    )


def _changed(random: Random, plan: Plan) -> Plan:
    """Give another config: the routes in another order, channels that do other things, or one channel less."""
    channels = {
        name: replace(one, on_recovered=_another(random, one.type)) if random.random() < 0.5 else one
        for name, one in plan.channels.items()
    }
    routes = tuple(random.sample(plan.routes, len(plan.routes)))
    if random.random() < 0.3 and all(one.fallback != "hook" for one in channels.values()):
        del channels["hook"]
        routes = tuple(replace(one, channels=tuple(name for name in one.channels if name != "hook")) for one in routes)
    return replace(plan, channels=channels, routes=routes)


def _another(random: Random, kind: str) -> tuple[str, ...]:
    return random.choice(SLACK_ENDS) if kind == "slack" else ("post",)


def _faults(random: Random, plan: Plan, span: int) -> list[Fault]:
    kinds = random.sample(CHANNEL_FAULTS, random.randint(3, 6)) + random.sample(OTHER_FAULTS, random.randint(2, 3))
    if missing := max(0, LEAST_KINDS - len(set(kinds))):
        kinds += random.sample(sorted(set(CHANNEL_FAULTS) - set(kinds)), missing)
    return [_fault(random, plan, span, kind) for kind in kinds for _ in range(random.randint(1, 3))]


def _fault(random: Random, plan: Plan, span: int, kind: str) -> Fault:
    at = random.uniform(30, span + 1500)
    channel = random.choice(list(plan.channels)) if kind in CHANNEL_FAULTS else ""
    seconds = {
        chat.LIMITED: random.choice((1.0, 30.0, 300.0)),
        "broken": random.choice((60.0, 1200.0)),
        "down": random.choice((20.0, 600.0, 9000.0)),
        "kill": random.choice((1.0, 30.0, 400.0)),
        "restart": random.choice((0.5, 60.0)),
        "full disk": random.uniform(5, 200),
        "slow disk": random.uniform(20, 200),
        "clock step": random.choice((-3600.0, -30.0, 45.0, 1800.0)),
    }.get(kind, 0.0)
    count = random.randint(0, 40) if kind == "kill" else random.choice((1, 2, 3, 8))
    if kind in {chat.SLOW, chat.UNSURE, chat.TAKEN_UNSAID, chat.REFUSED}:
        count = min(count, 3)
    return Fault(at=at, kind=kind, channel=channel, count=count, seconds=seconds)
