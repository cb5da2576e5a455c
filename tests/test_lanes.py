"""The order of one channel's deliveries: an independent model against random sequences."""

from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.lanes import Lanes
from tests.fakes.deliveries import a_delivery
from tests.fakes.virtual import START


def at(seconds):
    return START + timedelta(seconds=seconds)


def test_the_oldest_goes_first_and_one_of_each_alarm_at_a_time():
    lanes: Any = Lanes()
    for number, key in enumerate("aabac", 1):
        lanes.add(a_delivery(number, key=key), START)
    assert not lanes.is_under_way("a")
    taken = [lanes.take(START) for _ in range(3)]
    assert [one.id for one in taken] == [1, 3, 5]
    assert lanes.is_under_way("a")
    assert lanes.take(START) is None
    lanes.done(taken[0], START)
    assert not lanes.is_under_way("a")
    assert lanes.take(START).id == 2
    assert len(lanes) == 4


def test_what_waits_behind_one_under_way_is_given_and_can_be_forgotten():
    lanes: Any = Lanes()
    for number, key in enumerate("aab", 1):
        lanes.add(a_delivery(number, key=key), START)
    first = lanes.take(START)
    (second,) = lanes.behind(first)
    assert second.id == 2
    lanes.drop([second])
    assert (2 in lanes, len(lanes), lanes.behind(first)) == (False, 2, [])


def test_one_that_comes_back_to_life_while_a_younger_one_is_under_way_goes_before_it_the_next_time():
    lanes: Any = Lanes()
    lanes.add(a_delivery(2, key="a"), START)
    younger = lanes.take(START)
    lanes.add(a_delivery(1, key="a"), START)
    lanes.hold(younger, START)
    assert lanes.take(START).id == 1


def test_what_is_held_can_be_let_go_before_its_time_but_for_what_is_to_stay():
    lanes: Any = Lanes()
    for number, key in enumerate("aabc", 1):
        lanes.add(a_delivery(number, key=key, due_at=at(10 * number)), START)
    lanes.release(lambda delivery: delivery.event.key == "b")
    assert [lanes.take(START).id, lanes.take(START).id, lanes.take(START)] == [1, 4, None]
    assert lanes.next_due() == at(30)
    assert lanes.take(at(30)).id == 3


def test_the_next_could_be_taken_when_the_spacing_allows_it_or_when_what_is_held_is_due():
    lanes: Any = Lanes()
    assert lanes.seconds_to_next(START, 1.0) == inf
    lanes.add(a_delivery(1, key="a", due_at=at(5)), START)
    assert lanes.seconds_to_next(START, 1.0) == 5
    lanes.add(a_delivery(2, key="b"), START)
    assert lanes.seconds_to_next(START, 1.0) == 1
    assert lanes.seconds_to_next(START, 9.0) == 5


def test_what_is_held_holds_its_alarm_and_no_other():
    lanes: Any = Lanes()
    for number, key in enumerate("aab", 1):
        lanes.add(a_delivery(number, key=key), START)
    first = lanes.take(START)
    lanes.hold(a_delivery(1, key="a", due_at=at(30)), START)
    assert lanes.next_due() == at(30)
    other = lanes.take(START)
    assert (first.id, other.id) == (1, 3)
    lanes.done(other, START)
    assert lanes.take(at(29)) is None
    assert not lanes.has_ready
    assert lanes.take(at(30)).due_at == at(30)
    assert lanes.next_due() is None


def test_what_comes_back_to_life_goes_before_what_is_younger_but_for_what_is_under_way():
    lanes: Any = Lanes()
    for number in (3, 4, 5):
        lanes.add(a_delivery(number, key="a"), START)
    lanes.add(a_delivery(2, key="a"), START)
    first = lanes.take(START)
    assert first.id == 2
    lanes.add(a_delivery(1, key="a"), START)
    assert [one.id for one in lanes.behind(first)] == [1, 3, 4, 5]
    lanes.hold(first, START)
    assert lanes.take(START).id == 1
    lanes.done(a_delivery(1, key="a"), START)
    order = []
    while (one := lanes.take(START)) is not None:
        order.append(one.id)
        lanes.done(one, START)
    assert (order, len(lanes)) == ([2, 3, 4, 5], 0)


def test_what_was_held_goes_before_what_is_younger():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1, key="a", due_at=at(5)), START)
    lanes.add(a_delivery(2, key="b"), START)
    lanes.add(a_delivery(3, key="c"), START)
    assert lanes.take(START).id == 2
    assert lanes.take(at(6)).id == 1
    assert lanes.take(at(6)).id == 3


def test_what_is_done_is_forgotten():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1), START)
    assert 1 in lanes
    lanes.done(lanes.take(START), START)
    assert (1 in lanes, len(lanes), lanes.has_ready, lanes.next_due()) == (False, 0, False, None)


@settings(max_examples=200)
@given(st.data())
def test_no_alarm_is_ever_told_out_of_order_or_twice_at_once(data):
    lanes: Any = Lanes()
    now, number = 0, 0
    under_way: dict[str, Any] = {}
    finished: list[int] = []
    added: list[Any] = []
    for _ in range(data.draw(st.integers(1, 60))):
        what = data.draw(st.sampled_from(["add", "take", "done", "hold", "wait"]))
        if what == "add":
            number += 1
            delivery = a_delivery(
                number, key=data.draw(st.sampled_from("abc")), due_at=at(now + data.draw(st.integers(0, 3)))
            )
            added.append(delivery)
            lanes.add(delivery, at(now))
        elif what == "take":
            ready = [
                one
                for key in "abc"
                if key not in under_way
                for one in [next((a for a in added if a.event.key == key and a.id not in finished), None)]
                if one is not None and one.due_at <= at(now)
            ]
            taken = lanes.take(at(now))
            assert (taken.id if taken else None) == min((one.id for one in ready), default=None)
            if taken:
                under_way[taken.event.key] = taken
        elif what == "wait":
            now += data.draw(st.integers(0, 3))
        elif under_way:
            delivery = under_way.pop(data.draw(st.sampled_from(sorted(under_way))))
            if what == "done":
                finished.append(delivery.id)
                lanes.done(delivery, at(now))
            else:
                held = a_delivery(delivery.id, key=delivery.event.key, due_at=at(now + data.draw(st.integers(0, 3))))
                added[held.id - 1] = held
                lanes.hold(held, at(now))
        assert len(lanes) == len(added) - len(finished)


def test_what_is_urgent_goes_first_the_first_time_and_waits_for_its_own_alarm():
    lanes: Any = Lanes(lambda delivery: delivery.id in {3, 4})
    for number, key in enumerate("abac", 1):
        lanes.add(a_delivery(number, key=key), START)
    assert [lanes.take(START).id for _ in range(2)] == [4, 1]  # 3 is behind 1
    lanes.done(a_delivery(1, key="a"), START)
    lanes.hold(a_delivery(4, key="c", attempts=1), START)
    assert [lanes.take(START).id for _ in range(3)] == [3, 4, 2]


def test_a_broken_channel_is_tried_with_the_oldest_though_another_is_urgent():
    lanes: Any = Lanes(lambda delivery: delivery.id == 2)
    for number, key in enumerate("ab", 1):
        lanes.add(a_delivery(number, key=key), START)
    assert lanes.take(START, oldest=True).id == 1


def test_what_was_never_tried_is_due_whatever_became_of_the_clock_since():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1, created_at=at(8 * 3600)), START)
    assert lanes.take(START).id == 1


def test_what_was_tried_and_what_was_not_take_turns_beginning_with_what_was_not():
    lanes: Any = Lanes()
    for number, attempts in enumerate((1, 1, 0, 0), 1):
        lanes.add(a_delivery(number, key=str(number), attempts=attempts), START)
    assert [lanes.take(START).id for _ in range(4)] == [3, 1, 4, 2]


def test_the_oldest_is_the_oldest_whether_it_was_tried_or_not():
    for tried in ({1, 2}, {3}):
        lanes: Any = Lanes()
        for number in (1, 2, 3):
            lanes.add(a_delivery(number, key=str(number), attempts=1 if number in tried else 0), START)
        assert [lanes.take(START, oldest=True).id for _ in range(3)] == [1, 2, 3]


def test_what_is_due_at_this_moment_is_ready():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1, due_at=at(5)), at(5))
    assert (lanes.has_ready, lanes.next_due()) == (True, None)


def test_a_clock_that_is_set_back_prolongs_no_wait_and_one_that_drifts_a_little_shortens_none():
    lanes: Any = Lanes()
    for number in (1, 2):
        lanes.add(a_delivery(number, key=str(number), due_at=at(60 * number)), START)
    assert lanes.take(at(30)) is None
    assert lanes.take(at(29)) is None
    assert lanes.next_due() == at(60)
    assert lanes.seconds_to_next(at(29 - 3600), 1.0) == 31
    assert lanes.take(at(59 - 3600)) is None
    assert lanes.take(at(60 - 3600)).id == 1
    assert lanes.next_due() == at(120 - 3600)


def test_what_was_held_by_a_clock_that_is_set_back_before_a_restart_waits_no_longer_than_since_it_came():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1, created_at=at(3600), due_at=at(3660), attempts=1), START)
    assert lanes.next_due() == at(60)


def test_what_was_held_after_the_clock_was_set_back_waits_as_long_over_a_restart():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1, created_at=at(3600), due_at=at(90), attempts=1), START)
    assert lanes.next_due() == at(90)


def test_what_is_held_is_due_by_the_clock_as_it_is_though_it_came_later():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1, created_at=at(3600)), START)
    lanes.hold(replace(lanes.take(START), due_at=at(90)), START)
    assert lanes.next_due() == at(90)


def test_what_was_tried_and_is_due_as_it_came_is_due_then_though_the_clock_was_set_back():
    lanes: Any = Lanes()
    lanes.add(a_delivery(1, created_at=at(90), due_at=at(90), attempts=1), START)
    assert lanes.next_due() == at(90)


def test_an_older_one_that_a_younger_one_makes_way_for_is_due_by_the_clock_as_it_is():
    lanes: Any = Lanes()
    lanes.add(a_delivery(2), START)
    younger = lanes.take(START)
    lanes.add(a_delivery(1, created_at=at(3600), due_at=at(3660), attempts=1), START)
    lanes.hold(younger, START)
    assert lanes.next_due() == at(60)
