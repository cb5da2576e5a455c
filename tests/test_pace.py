"""How fast a channel may go."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pace import BURST, Budgets, Spacing, Window, seconds_left, slowest
from tests.fakes.virtual import START


def sent(spacing, *, seconds, start=1000.0, step=0.01):
    """Send whenever it is allowed; give the moments, from 0."""
    times = []
    for tick in range(round(seconds / step)):
        now = start + tick * step
        if spacing.wait_seconds(now) <= 1e-9:
            spacing.take(now)
            times.append(round(now - start, 2))
    return times


def test_three_messages_go_at_once_and_then_one_a_second():
    assert sent(Spacing(1.0), seconds=5.5) == [0, 0.01, 0.02, 1, 2, 3, 4, 5]


def test_a_clock_that_has_just_begun_holds_nothing_back():
    assert sent(Spacing(1.0), seconds=1.5, start=0.0) == [0, 0.01, 0.02, 1]
    assert sent(Spacing(None), seconds=0.03, start=0.0) == [0, 0.01, 0.02]


def test_after_a_rest_there_is_a_burst_again_and_never_a_larger_one():
    spacing = Spacing(1.0)
    assert len(sent(spacing, seconds=2.5)) == 5
    assert sent(spacing, seconds=3.5, start=1100.0) == [0, 0.01, 0.02, 1, 2, 3]
    assert sent(spacing, seconds=0.5, start=1104.0) == [0]


def test_without_a_rate_nothing_waits():
    spacing = Spacing(None)
    for _ in range(1000):
        assert spacing.wait_seconds(5.0) == 0
        spacing.take(5.0)


@given(st.floats(0.01, 100), st.lists(st.floats(0, 50), max_size=60))
def test_in_no_span_more_go_than_the_rate_and_a_burst_allow(rate, gaps):
    spacing, now, times = Spacing(rate), 7.0, []
    for gap in gaps:
        now += gap
        wait = spacing.wait_seconds(now)
        now += wait
        spacing.take(now)
        times.append(now)
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= BURST + (times[last] - times[first]) * rate + 1e-6


def test_the_window_grows_by_one_with_each_round_that_went_well():
    window, rounds = Window(), []
    for _ in range(4):
        rounds.append(window.limit)
        for _ in range(window.limit):
            window.went_well()
    assert (rounds, window.limit) == ([4, 5, 6, 7], 8)


def test_the_window_does_not_grow_beyond_32():
    window = Window()
    for _ in range(2000):
        window.went_well()
    assert window.limit == 32


def test_the_window_is_halved_on_trouble_down_to_one_and_a_round_begins_anew():
    window = Window()
    for _ in range(4 + 4):
        window.went_well()
    assert window.limit == 5
    limits = []
    for _ in range(4):
        window.throttled()
        limits.append(window.limit)
    assert limits == [2, 1, 1, 1]
    window.went_well()
    assert window.limit == 2
    window.went_well()
    assert window.limit == 2


def test_trouble_in_the_middle_of_a_round_begins_it_anew():
    window = Window()
    for _ in range(3):
        window.went_well()
    window.throttled()
    window.went_well()
    assert window.limit == 2
    window.went_well()
    assert window.limit == 3


def test_a_window_of_one_stays_so():
    window = Window(1, 1)
    for change in (window.went_well, window.throttled, window.went_well):
        change()
        assert window.limit == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_window_stays_within_its_bounds_whatever_comes(seed):
    random, window = Random(seed), Window()
    for _ in range(3000):
        random.choice([window.went_well] * 9 + [window.throttled])()
        assert 1 <= window.limit <= 32


@pytest.mark.parametrize(("calls", "wait"), [(0, 0.0), (1, 1.0), (3, 3.0)])
def test_an_attempt_counts_as_often_as_it_called(calls, wait):
    spacing = Spacing(1.0)
    for _ in range(3):
        spacing.take(100.0)
    spacing.correct(calls)
    assert spacing.wait_seconds(100.0) == wait


def test_what_one_channel_has_for_itself_has_no_name_and_a_budget_has_the_one_that_it_is_asked_for_by():
    assert Spacing(1.0).name == ""
    assert Budgets().of("room", 1.0).name == "room"


def test_a_budget_begins_without_a_pause():
    assert Budgets().of("room", None).wait_seconds(0.0) == 0.0


def test_no_more_is_left_of_a_pause_from_before_than_all_of_it():
    begun = START
    until = begun + timedelta(seconds=30)
    assert seconds_left(until, begun, begun + timedelta(seconds=20)) == 10
    assert seconds_left(until, begun, begun + timedelta(seconds=40)) == 0
    assert seconds_left(until, begun, begun - timedelta(hours=1)) == 30
    assert seconds_left(until, None, begun - timedelta(hours=1)) == 3630


def test_a_new_budget_goes_on_with_a_pause_from_before_and_one_that_is_known_with_its_own():
    budgets = Budgets()
    room = budgets.of("room", 1.0, paused_until=130.0)
    assert room.wait_seconds(100.0) == 30
    assert budgets.of("room", 1.0, paused_until=500.0).wait_seconds(100.0) == 30


def test_a_budget_is_one_whoever_asks_for_it_and_has_the_rate_asked_for_last():
    budgets = Budgets()
    room = budgets.of("room", 1.0)
    assert budgets.of("room", 1.0) is room
    assert budgets.of("other", 1.0) is not room
    for _ in range(3):
        room.take(100.0)
    assert room.wait_seconds(100.0) == pytest.approx(1)
    budgets.of("room", None)
    assert room.wait_seconds(103.0) == 0


def test_a_pause_holds_as_long_as_the_longest_that_was_asked_for():
    room = Budgets().of("room", None)
    assert room.pause(30, 100.0)
    assert not room.pause(5, 100.0)
    assert not room.pause(20, 110.0)
    assert Budgets().of("room", None, paused_until=130.0).pause(40, 100.0)
    assert (room.wait_seconds(110.0), room.wait_seconds(131.0)) == (20.0, 0.0)


@pytest.mark.parametrize(
    ("rates", "slow"),
    [
        ([("a", 1.0), ("a", 0.5)], {"a": 0.5}),
        ([("a", 0.5), ("a", 1.0)], {"a": 0.5}),
        ([("a", None), ("a", 0.5)], {"a": 0.5}),
        ([("a", 0.5), ("a", None)], {"a": 0.5}),
        ([("a", None), ("b", 1.0)], {"a": None, "b": 1.0}),
        ([], {}),
    ],
)
def test_where_channels_ask_for_several_rates_of_one_room_the_slowest_holds(rates, slow):
    assert slowest(rates) == slow


def test_for_how_long_a_platform_asked_to_be_left_alone_does_not_hang_on_what_was_counted():
    room = Spacing(1.0)
    for _ in range(9):
        room.take(100.0)
    assert room.pause_seconds(100.0) == 0.0
    room.pause(30.0, 100.0)
    assert [room.pause_seconds(now) for now in (110.0, 131.0)] == [20.0, 0.0]
