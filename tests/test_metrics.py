"""What Prometheus reads."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge import __version__
from bridge.alarm import State
from bridge.lifecycle import Outcome
from bridge.metrics import CALLBACK_OUTCOMES, DELIVERY_OUTCOMES, Metrics

PROMISED = {
    "alarm_bridge_callbacks_total",
    "alarm_bridge_last_callback_timestamp_seconds",
    "alarm_bridge_acknowledge_seconds",
    "alarm_bridge_deliveries_total",
    "alarm_bridge_queue_waiting",
    "alarm_bridge_queue_oldest_seconds",
    "alarm_bridge_channel_broken",
    "alarm_bridge_delivery_seconds",
    "alarm_bridge_alarms_open",
    "alarm_bridge_template_failures_total",
    "alarm_bridge_config_reloads_total",
    "alarm_bridge_config_last_reload_successful",
    "alarm_bridge_build_info",
}


@pytest.fixture
def metrics():
    return Metrics(channels=["ops", "tickets"])


def samples(metrics):
    """Read the text as Prometheus would: {(name, labels…): value}."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_exactly_the_promised_metrics_are_told(metrics):
    told = re.findall(r"^# TYPE (\S+) ", metrics.text().decode(), re.MULTILINE)
    assert sorted(told) == sorted(PROMISED)


def test_each_metric_has_a_help_text_that_is_a_sentence(metrics):
    helps = re.findall(r"^# HELP \S+ (.*)$", metrics.text().decode(), re.MULTILINE)
    assert len(helps) == len(PROMISED)
    assert [text for text in helps if not re.fullmatch(r"[A-Z0-9].*\.", text)] == []


def test_every_known_label_value_is_there_from_the_start(metrics):
    told = samples(metrics)
    for outcome in CALLBACK_OUTCOMES:
        assert told["alarm_bridge_callbacks_total", ("outcome", outcome)] == 0
    for channel in ("ops", "tickets"):
        for outcome in DELIVERY_OUTCOMES:
            assert told["alarm_bridge_deliveries_total", ("channel", channel), ("outcome", outcome)] == 0
        for state in State:
            assert told["alarm_bridge_template_failures_total", ("channel", channel), ("state", state)] == 0
        for name in ("queue_waiting", "queue_oldest_seconds", "channel_broken", "delivery_seconds_count"):
            assert told[f"alarm_bridge_{name}", ("channel", channel)] == 0
    assert told["alarm_bridge_acknowledge_seconds_count",] == 0


def test_each_call_moves_its_own_number_and_no_other(metrics):
    before = samples(metrics)
    metrics.callback("repeat")
    metrics.last_callback(1793487600.5)
    metrics.alarms_open(7)
    metrics.delivery("ops", "retried")
    metrics.queue("ops", waiting=3, oldest_seconds=12.5)
    metrics.channel_broken("ops", True)
    metrics.template_failed("tickets", "recovered")
    after = samples(metrics)
    assert {key: value for key, value in after.items() if before[key] != value} == {
        ("alarm_bridge_callbacks_total", ("outcome", "repeat")): 1,
        ("alarm_bridge_last_callback_timestamp_seconds",): 1793487600.5,
        ("alarm_bridge_alarms_open",): 7,
        ("alarm_bridge_deliveries_total", ("channel", "ops"), ("outcome", "retried")): 1,
        ("alarm_bridge_queue_waiting", ("channel", "ops")): 3,
        ("alarm_bridge_queue_oldest_seconds", ("channel", "ops")): 12.5,
        ("alarm_bridge_channel_broken", ("channel", "ops")): 1,
        ("alarm_bridge_template_failures_total", ("channel", "tickets"), ("state", "recovered")): 1,
    }


def test_a_mended_channel_is_no_longer_broken(metrics):
    metrics.channel_broken("ops", True)
    metrics.channel_broken("ops", False)
    assert samples(metrics)["alarm_bridge_channel_broken", ("channel", "ops")] == 0


def test_times_fall_into_the_bucket_that_holds_them(metrics):
    metrics.acknowledged(0.003)
    metrics.acknowledged(4.9)
    metrics.delivered("ops", 0.3)
    told = samples(metrics)
    assert told["alarm_bridge_acknowledge_seconds_bucket", ("le", "0.005")] == 1
    assert told["alarm_bridge_acknowledge_seconds_bucket", ("le", "3.0")] == 1
    assert told["alarm_bridge_acknowledge_seconds_bucket", ("le", "5.0")] == 2
    assert told["alarm_bridge_acknowledge_seconds_sum",] == pytest.approx(4.903)
    assert told["alarm_bridge_delivery_seconds_bucket", ("channel", "ops"), ("le", "0.25")] == 0
    assert told["alarm_bridge_delivery_seconds_bucket", ("channel", "ops"), ("le", "1.0")] == 1


def test_a_channel_that_came_later_is_counted_all_the_same(metrics):
    metrics.delivery("new", "sent")
    assert samples(metrics)["alarm_bridge_deliveries_total", ("channel", "new"), ("outcome", "sent")] == 1


def test_times_of_a_channel_that_came_later_are_counted_all_the_same(metrics):
    metrics.delivered("new", 0.3)
    metrics.delivered("new", 0.2)
    told = samples(metrics)
    assert told["alarm_bridge_delivery_seconds_count", ("channel", "new")] == 2
    assert told["alarm_bridge_delivery_seconds_sum", ("channel", "new")] == pytest.approx(0.5)


@pytest.mark.parametrize(("seconds", "first"), [(0.0, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (5.1, "+Inf")])
def test_a_time_is_in_the_first_bucket_it_does_not_exceed_and_in_all_after_it(metrics, seconds, first):
    metrics.acknowledged(seconds)
    told = samples(metrics)
    counts = [(dict([key[1]])["le"], told[key]) for key in told if key[0] == "alarm_bridge_acknowledge_seconds_bucket"]
    bounds = [le for le, _ in counts]
    assert bounds == ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1.0", "3.0", "5.0", "+Inf"]
    assert [le for le, count in counts if count == 1] == bounds[bounds.index(first) :]


def test_an_outcome_that_is_a_named_value_is_counted_with_the_word_it_stands_for(metrics):
    for outcome in Outcome:
        metrics.callback(outcome)
    metrics.template_failed("ops", State.RECOVERED)
    text = metrics.text().decode()
    for outcome in Outcome:
        assert f'\nalarm_bridge_callbacks_total{{outcome="{outcome.value}"}} 1.0\n' in text
    assert '\nalarm_bridge_template_failures_total{channel="ops",state="recovered"} 1.0\n' in text


def test_a_hostile_channel_name_cannot_forge_a_line():
    metrics = Metrics(channels=['a"} 1\nalarm_bridge_alarms_open 99\n\\'])
    told = samples(metrics)
    assert told["alarm_bridge_alarms_open",] == 0
    assert told["alarm_bridge_queue_waiting", ("channel", 'a"} 1\nalarm_bridge_alarms_open 99\n\\')] == 0


def test_the_build_is_named(metrics):
    assert any(key[0] == "alarm_bridge_build_info" and ("version", __version__) in key for key in samples(metrics))


def test_two_bridges_in_one_process_count_apart(metrics):
    other = Metrics(channels=["ops"])
    metrics.callback("stale")
    assert samples(other)["alarm_bridge_callbacks_total", ("outcome", "stale")] == 0
