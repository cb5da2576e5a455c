"""Whether a worker works, as whoever watches the bridge is told."""

import pytest

from bridge.pulse import Pulse


@pytest.fixture
def pulse(clock):
    pulse = Pulse(clock)
    clock.forward(seconds=1000)  # nothing is stuck that never began
    pulse.turned()
    pulse.moved()
    return pulse


def test_a_worker_whose_loop_turns_and_whose_calls_move_is_not_stuck(pulse, clock):
    clock.forward(seconds=120)
    assert pulse.stuck(turns=True, is_busy=True) == ""


def test_a_loop_that_has_not_turned_for_two_minutes_is_stuck_unless_it_was_told_to_stop(pulse, clock):
    clock.forward(seconds=121)
    assert pulse.stuck(turns=True, is_busy=False) == "the worker has not turned for 121 s"
    assert pulse.stuck(turns=False, is_busy=False) == ""
    pulse.turned()
    assert pulse.stuck(turns=True, is_busy=False) == ""


def test_a_call_that_has_been_under_way_for_a_quarter_of_an_hour_is_stuck_where_one_is(pulse, clock):
    clock.forward(seconds=900)
    pulse.turned()
    assert pulse.stuck(turns=True, is_busy=True) == ""
    clock.forward(seconds=2)
    assert pulse.stuck(turns=True, is_busy=True) == "a call has been under way for 902 s"
    assert pulse.stuck(turns=True, is_busy=False) == ""
    pulse.moved()
    assert pulse.stuck(turns=True, is_busy=True) == ""
