"""What the simulation finds in Slack's threads, links and shared budgets: each wrong thing, as small as it can be."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.simulation.chat import LIMITED, SLOW, TAKEN
from tests.simulation.manners import pace, shared
from tests.simulation.scenario import NOTE, SHORT
from tests.simulation.test_excuses import an_episode, news, request, seen_with
from tests.simulation.threads import links, rests

WHOLE = "".join(NOTE[:SHORT])
LONG = "1131"  # a serial whose callback no message has room for
POSTED = replace(request("ops", "triggered", LONG, TAKEN), ts="1.1")
ANSWER = replace(request("ops", "triggered", "?", TAKEN, step="reply"), ts="1.1", part=1, whole=WHOLE)


def a_thread(*made, rows=(("sent", ""),)):
    """Give the evidence of an alarm whose message had no room, and of what came in its thread."""
    trigger = news(10, "triggered", LONG, an_episode(), ops=("post",))
    seen = seen_with(*made, news=[trigger], deliveries=[("ops", *one) for one in rows])
    seen.history.deliveries = [(*one[:3], "rest", *one[4:]) for one in seen.history.deliveries]
    seen.history.scenario.told = tuple(one for one in seen.said.values() if one.is_long)
    seen.history.kills, seen.history.met = [], Counter()
    return seen


@pytest.mark.parametrize(
    ("made", "rows", "wrong"),
    [
        ((POSTED, ANSWER), [("sent", "")], ""),
        ((POSTED, ANSWER), [("superseded", "the message has room for all of it by now")], "was not told"),
        ((POSTED,), [("superseded", "the thread it belongs to is out of reach")], "was not told"),  # it never broke
        ((POSTED,), [("superseded", "there is no message whose thread could hold it")], ""),
        ((POSTED,), [("dead", "given up after 24h: 503")], ""),
        ((POSTED,), [("dead", "503")], "was not told"),
        ((POSTED, replace(ANSWER, whole=WHOLE[:-1])), [("sent", "")], "not told all"),
        ((POSTED, replace(ANSWER, ts="1.2")), [("sent", "")], "in a thread of no alarm"),
        ((POSTED, ANSWER, ANSWER), [("sent", "")], "told part 1 2 times"),
        ((POSTED, ANSWER, replace(ANSWER, fared=SLOW)), [("sent", "")], ""),  # nobody knew that it arrived
    ],
)
def test_what_a_message_had_no_room_for_comes_whole_and_once_in_its_thread(made, rows, wrong):
    found = list(rests(a_thread(*made, rows=rows)))
    assert any(wrong in one for one in found) if wrong else found == []


@pytest.mark.parametrize(("step", "fared", "wrong"), [("post", TAKEN, 1), ("reply", TAKEN, 0), ("post", SLOW, 0)])
def test_a_message_that_had_no_room_and_has_nothing_in_its_thread_is_found(step, fared, wrong):
    seen = a_thread(replace(POSTED, step=step, fared=fared))
    seen.history.deliveries = []
    assert len(list(rests(seen))) == wrong


@pytest.mark.parametrize(
    ("before", "again", "wrong"),
    [
        ("1.1", True, ""),
        ("", True, "without 1.1, its message before"),
        ("9.9", True, "tells of something else"),
        ("1.1", False, "tells of something else"),
        ("", False, ""),
    ],
)
def test_an_alarm_that_comes_again_says_where_its_message_before_stands(before, again, wrong):
    episode = an_episode()
    told = [news(10, "triggered", LONG, episode, ops=("post",)), news(20, "triggered", "1001", episode, ops=("post",))]
    told[1].again = again
    second = replace(request("ops", "triggered", "1001", TAKEN, at=60.0), ts="1.2", before=before)
    seen = seen_with(POSTED, second, news=told)
    seen.history.kills, seen.history.met = [], Counter()
    assert [wrong in one for one in links(seen)] == ([True] if wrong else [])


def test_a_digest_that_names_an_alarm_in_its_newest_state_is_the_message_of_its_lives_before_too():
    first, second = an_episode(), an_episode()
    told = [news(10, "recovered", "1000", first, ops=("post",)), news(20, "closed", "1001", second, ops=("post",))]
    told.append(replace(news(30, "triggered", "1002", first, ops=("post",)), again=True))
    digest = replace(request("ops", "digest", "", TAKEN), ts="1.1", members=(("closed", "1001"),))
    again = replace(request("ops", "triggered", "1002", TAKEN, at=60.0), ts="1.2", before="1.1")
    seen = seen_with(digest, again, news=told)
    seen.history.kills, seen.history.met = [], Counter()
    assert list(links(seen)) == []


@pytest.mark.parametrize(("last", "wrong"), [(1.2, []), (1.0, ["pace: ops and dba got 6 updates from 0.00 to 1.00"])])
def test_updates_of_one_app_are_counted_together_whichever_of_its_channels_makes_them(last, wrong):
    times = (0.0, 0.0, 0.0, 0.0, 0.0, last)
    made = [request(("ops", "dba")[n % 2], "repeat", "1", TAKEN, at=at, step="update") for n, at in enumerate(times)]
    assert list(pace(seen_with(*made))) == wrong


@pytest.mark.parametrize(
    ("step", "at", "config", "wrong"),
    [
        ("update", 20.0, 0, 1),
        ("update", 31.0, 0, 0),
        ("post", 20.0, 0, 0),  # counted by itself
        ("update", 0.5, 0, 0),  # it was under way
        ("update", 20.0, 1, 0),  # settings that changed are tried at once
    ],
)
def test_what_one_channel_was_asked_to_wait_for_the_other_waits_for_too(step, at, config, wrong):
    asked = replace(request("ops", "repeat", "1", LIMITED, step="update"), wait=30.0)
    second = replace(request("dba", "repeat", "1", TAKEN, at=at, step=step), config=config)
    assert len(list(shared(seen_with(asked, second)))) == wrong
