"""`alarm-bridge close` and `replay` before anything is asked for: what they mean, and whether a person is sure."""

import sqlite3
from contextlib import closing

import pytest

from bridge.commands import close
from tests.fakes.asked import asked, of, over

STORE = "alarm-bridge.db"


async def alarms(spine):
    await spine.take(of("ins-a"))
    await spine.take(of("ins-b"))
    await spine.take(over("ins-b"))
    await spine.settle()


@pytest.fixture
def asking(tmp_path):
    return asked(tmp_path, alarms)


def requests(asking):
    return asking.rows("SELECT what, done_at FROM requests")


@pytest.mark.parametrize(("answer", "closed"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_shows_what_it_would_close_and_asks(asking, monkeypatch, answer, closed):
    monkeypatch.setattr(close, "is_terminal", lambda: True)
    result = asking("close", "--match", "policy_id=*", stdin=answer)
    assert "MemoryUtilization  ins-a" in result.stdout
    assert "ins-b" not in result.stdout
    assert "[y/N]" not in result.stdout  # which may go into a pipe
    assert result.stderr.startswith("Close 1 alarm? [y/N]:")
    assert (result.exit_code, result.stderr.endswith("nothing was closed\n")) == (0 if closed else 1, not closed)
    assert requests(asking) == ([("close", None)] if closed else [])


def test_it_does_not_ask_who_says_yes_nor_where_nobody_sits(asking, monkeypatch):
    short_id = asking.json("alarms")[0]["id"]
    said = f"{short_id} waits: no bridge serves {asking.place / STORE} now; the next `alarm-bridge serve` does it.\n"
    assert asking("close", short_id).stdout == said
    monkeypatch.setattr(close, "is_terminal", lambda: True)
    assert asking("close", "--yes", short_id).stdout == said
    assert requests(asking) == [("close", None)]


def test_what_cannot_be_closed_is_said_and_nothing_is_asked_for(asking):
    over_id = asking.json("alarms", "--phase", "recovered")[0]["id"]
    result = asking("close", over_id, "zzzzzz")
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        (
            f"{over_id}: it is recovered already\n"
            "zzzzzz: no alarm has this short id; `alarm-bridge alarms` shows those that are open\n"
        ),
    )
    assert requests(asking) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("close", "give the short ids of alarms, or --match FIELD=VALUE"),
        ("close abc --match kind=metric", "give the short ids of alarms, or --match FIELD=VALUE"),
        ("replay", "give the ids of what is to be sent again, or --dead, which takes --channel NAME"),
        ("replay 1 --dead", "give the ids of what is to be sent again, or --dead, which takes --channel NAME"),
        ("replay 1 --channel ops", "give the ids of what is to be sent again, or --dead, which takes --channel NAME"),
    ],
)
def test_who_does_not_say_what_is_meant_is_told_how(asking, words, complaint):
    result = asking(*words.split())
    assert (result.exit_code, result.stderr) == (2, f"{complaint}\n")


def test_an_alarms_id_is_no_deliverys(asking):
    short_id = asking.json("alarms")[0]["id"]
    result = asking("replay", short_id, "nonsense")
    assert result.stderr == (
        f"{short_id}: is an alarm's id; `alarm-bridge explain {short_id}` shows its deliveries\n"
        "nonsense: no delivery has this id, and no callback; `alarm-bridge deliveries` and `callbacks` show them\n"
    )
    assert (result.exit_code, requests(asking)) == (1, [])


@pytest.mark.parametrize("state", ["sent", "dead", "waiting", "begun"])
def test_what_nobody_would_send_again_is_said_with_what_to_do_and_not_asked_for(asking, state):
    ids = change(asking, state)
    config = asking.place / "config.yaml"
    config.write_text(config.read_text().replace("here", "other"))
    for words in (ids, ["--dead"] if state == "dead" else ids):
        result = asking("replay", *words)
        assert result.stderr == "".join(
            f"{one}: its channel here is not in the config; a channel of that name there, whatever its type and room, "
            "gets what waits for it, and what is sent again then\n"
            for one in ids
        )
        assert (result.exit_code, result.stdout, requests(asking)) == (1, "", [])


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("waiting", "it is under way already"),
        ("begun", "it is under way already"),
        ("moved", "there is nothing to send again: it is moved"),
        ("superseded", "there is nothing to send again: it is superseded"),
        ("digested", "there is nothing to send again: it is digested"),
    ],
)
def test_what_is_under_way_or_was_told_otherwise_is_said_and_not_asked_for(asking, state, why):
    ids = change(asking, state)
    result = asking("replay", *ids)
    assert result.stderr == "".join(f"{one}: {why}\n" for one in ids)
    assert (result.exit_code, result.stdout, requests(asking)) == (1, "", [])


def change(asking, state):
    """Let all deliveries be in a state; give their ids."""
    with closing(sqlite3.connect(asking.place / STORE)) as connection, connection:
        connection.execute("UPDATE deliveries SET state = ?", [state])
    return [str(one) for (one,) in asking.rows("SELECT id FROM deliveries ORDER BY id")]


def test_a_callback_that_was_understood_is_not_judged_again(asking):
    result = asking("replay", asking.json("callbacks")[0]["id"])
    assert result.stderr.endswith(": it was understood: recovered\n")
    assert requests(asking) == []
