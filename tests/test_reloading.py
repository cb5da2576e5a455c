"""When a changed config is read, tried, refused and put in force, in virtual time."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from bridge.channels import mark_of
from bridge.config import Problem, load
from bridge.metrics import Metrics
from bridge.parts import Prepared
from bridge.redaction import forms_of
from bridge.reloading import Means, Reloader, look
from bridge.reloading.reloader import LOOK_SECONDS, PATIENCE_SECONDS, QUIET_SECONDS
from bridge.rendering import Renderer
from bridge.store import StoreUnavailable
from tests.fakes.virtual import virtual

CONFIG = """
server: {auth: {tokens: [%s]}}
channels:
  tickets: {type: webhook, url: {file: url}}
default_channels: [tickets]
retention: %s
"""
TOKEN = "a-token-of-callers-0123"
FIRST, SECOND = CONFIG % (TOKEN, "1d"), CONFIG % (TOKEN, "2d")
WRONG = FIRST.replace("[tickets]", "[nobody]")


class Subject:
    """A reloader with all its surroundings, on files of a folder."""

    begin: Callable[[], Reloader]  # as when the bridge began
    reloader: Reloader

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.file = folder / "config.yaml"
        self.url = folder / "url"
        self.applied, self.hidden, self.told, self.checked = [], [], [], []
        self.problems = []  # that the check of the templates will find
        self.metrics = Metrics()
        self.logs: list[Any] = []
        self.store = self.fault = None
        self.settling_seconds = 0.0  # until what was put in force holds in the edge as well

    def write(self, text):
        self.file.write_text(text)

    def read(self):
        if self.fault:
            raise self.fault
        return load(self.file, {})

    async def check(self, config):
        self.checked.append(config)
        await self.clock.sleep(3)
        return self.problems

    async def prepare(self, config):
        if self.store:
            raise self.store
        marks = await asyncio.to_thread(marks_of, config)
        renderer = await asyncio.to_thread(Renderer)
        return Prepared(config=config, renderer=renderer, marks=marks, states={}, pauses={})

    async def settled(self):
        await self.clock.sleep(self.settling_seconds)

    def trouble(self, trouble, about="", words=""):
        self.told.append(words)

    def over(self, trouble, about=""):
        self.told.append("over")

    @property
    def retentions(self):
        return [prepared.config.retention.days for prepared in self.applied]


def marks_of(config):
    return {name: mark_of(settings) for name, settings in config.channels.items()}


@asynccontextmanager
async def a_reloader(folder, clock, text=FIRST, **more):
    subject = Subject(folder, clock)
    await asyncio.to_thread(subject.url.write_text, "http://127.0.0.1:9/first-secret-path-0123")
    await asyncio.to_thread(subject.file.write_text, text)
    config = (await asyncio.to_thread(subject.read)).config
    means = Means(
        read=subject.read,
        check=subject.check,
        prepare=subject.prepare,
        apply=subject.applied.append,
        settled=subject.settled,
        hide=subject.hidden.append,
        reporter=subject,
        metrics=subject.metrics,
        clock=clock,
    )
    marks = await asyncio.to_thread(marks_of, config)
    seen = await asyncio.to_thread(look, config.files)
    subject.begin = partial(Reloader, means, config, marks, seen=seen, **more)
    subject.reloader = subject.begin()
    with capture_logs() as subject.logs:
        running = asyncio.create_task(subject.reloader.run())
        await clock.sleep(0.1)
        yield subject
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def logged(subject, event="reloaded"):
    return [line.get("changes", line.get("problem")) for line in subject.logs if line["event"] == event]


@virtual
async def test_it_is_not_said_before_it_holds_in_the_edge_as_well(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.settling_seconds = 2.0
        await asyncio.to_thread(subject.write, SECOND)
        while not subject.applied:
            await clock.sleep(0.1)
        await clock.sleep(1.8)
        assert logged(subject) == []
        await clock.sleep(0.4)
        assert logged(subject) == [["retention changed"]]


@virtual
async def test_nothing_is_read_again_until_something_changes(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        await clock.sleep(50)
        assert (subject.applied, subject.logs) == ([], [])


@virtual
async def test_a_change_is_in_force_as_soon_as_the_file_holds_still(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(SECOND)
        await clock.sleep(LOOK_SECONDS - 0.1)
        assert subject.retentions == []
        await clock.sleep(QUIET_SECONDS + 0.1)
        assert subject.retentions == [2]
        assert logged(subject) == [["retention changed"]]
        assert subject.told == ["over"]


@virtual
async def test_a_file_that_is_written_bit_by_bit_is_read_when_it_is_whole(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        for length in range(10, len(SECOND), 10):
            subject.write(SECOND[:length])
            await clock.sleep(1.5)
        subject.write(SECOND)
        await clock.sleep(3)
        assert subject.retentions == [2]
        assert subject.told == ["over"]
        assert [line["event"] for line in subject.logs] == ["reloaded"]


@virtual
async def test_what_is_wrong_is_a_mistake_once_it_stays_so_and_is_told_once(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(WRONG)
        await clock.sleep(PATIENCE_SECONDS)
        assert subject.told == []
        await clock.sleep(100)
        problem = f"{subject.file}:5:20: default_channels[0]: no channel has this name (tickets)"
        assert subject.told == [problem]
        assert [(line["event"], line.get("problem", line.get("problems"))) for line in subject.logs] == [
            ("config", problem),
            ("not reloaded: what was in force stays in force", 1),
        ]
        assert subject.applied == []
        assert "alarm_bridge_config_last_reload_successful 0.0" in subject.metrics.text().decode()


@virtual
async def test_of_a_variable_that_is_not_set_it_is_said_that_a_bridge_must_be_restarted_to_have_it(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(SECOND.replace(TOKEN, "'${UNHEARD_OF}'"))
        await clock.sleep(5)
        (said,) = subject.told
        assert said.endswith(
            "the environment variable UNHEARD_OF is not set; "
            "a bridge that serves keeps the environment that it began with: restart it"
        )


@virtual
async def test_a_mistake_taken_back_is_over_without_a_change(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(WRONG)
        await clock.sleep(10)
        subject.write(FIRST)
        await clock.sleep(10)
        assert subject.told[1:] == ["over"]
        assert logged(subject) == [["nothing changed"]]
        assert subject.applied == []
        assert "alarm_bridge_config_last_reload_successful 1.0" in subject.metrics.text().decode()


@virtual
async def test_a_file_that_is_gone_for_a_moment_is_no_mistake(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.file.unlink()
        await clock.sleep(1)
        subject.write(SECOND)
        await clock.sleep(10)
        assert subject.told == ["over"]
        assert subject.retentions == [2]


@virtual
async def test_where_nobody_can_tell_of_changes_they_are_seen_within_two_seconds(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.file.write_text(SECOND)
        await clock.sleep(LOOK_SECONDS + 0.5)
        assert subject.retentions == [2]


@virtual
async def test_what_changed_before_the_first_look_is_seen(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        pass
    subject.file.write_text(SECOND)
    running = asyncio.create_task(subject.begin().run())
    await clock.sleep(1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert subject.retentions == [2]


def certificate():
    return trustme.CA().cert_pem.bytes()


@pytest.mark.parametrize(
    ("name", "text", "before", "after"),
    [
        ("templates/webhook/triggered.txt.j2", FIRST, b"one", b"two"),
        ("ca.pem", FIRST.replace("url}", "url}, ca_file: ca.pem"), certificate(), certificate()),
    ],
    ids=["a template", "a certificate"],
)
@virtual
async def test_what_changed_of_other_files_before_the_first_look_is_seen(name, text, before, after, tmp_path, clock):
    """The bridge read them when it began, and the config says nothing else since."""
    changed = tmp_path / name
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_bytes(before)
    async with a_reloader(tmp_path, clock, text) as subject:
        pass
    changed.write_bytes(after)
    running = asyncio.create_task(subject.begin().run())
    await clock.sleep(4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(subject.applied) == 1


@virtual
async def test_asked_it_reads_at_once_and_says_so_whether_anything_changed_or_not(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.reloader.ask()
        await clock.sleep(0.1)
        assert logged(subject) == [["nothing changed"]]
        subject.file.write_text(WRONG)
        subject.reloader.ask()
        await clock.sleep(0.1)
        assert len(subject.told) == 2
        subject.reloader.ask()
        await clock.sleep(0.1)
        assert len(subject.told) == 3


@virtual
async def test_a_secret_in_a_file_is_read_again_and_the_old_one_is_hidden_as_well(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.url.write_text("http://127.0.0.1:9/second-secret-path-0123")
        await clock.sleep(LOOK_SECONDS + QUIET_SECONDS)
        assert logged(subject) == [["channel tickets changed"]]
        (hidden,) = subject.hidden
        assert {"first-secret-path-0123", "second-secret-path-0123", TOKEN} <= set(forms_of(hidden))


@virtual
async def test_a_secret_file_that_is_not_there_yet_is_waited_for(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(FIRST.replace("file: url", "file: later"))
        await clock.sleep(10)
        missing = "the file cannot be read: no such file or directory; its path begins at the config file's directory"
        assert subject.told == [f"{subject.file}:4:28: channels.tickets.url: {missing}"]
        (tmp_path / "later").write_text("http://127.0.0.1:9/later")
        await clock.sleep(10)
        assert logged(subject) == [["channel tickets changed"]]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("server.listen", FIRST.replace("{auth", "{listen: '127.0.0.1:9999', auth")),
        ("server.edge", FIRST.replace("{auth", "{edge: off, auth")),
        ("console.listen", f"{FIRST}console: {{listen: off}}\n"),
        ("store", f"{FIRST}store: sqlite:///other.db\n"),
    ],
)
@virtual
async def test_a_listener_or_store_that_changed_refuses_all_of_it(key, text, tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(text.replace("1d", "2d"))
        await clock.sleep(10)
        (told,) = subject.told
        assert told.endswith(f": {key}: cannot change while the bridge serves: restart it, or put the old value back")
        assert subject.applied == []


@virtual
async def test_what_changes_while_templates_are_checked_is_checked_again_and_never_used_unchecked(tmp_path, clock):
    (tmp_path / "templates" / "webhook").mkdir(parents=True)
    template = tmp_path / "templates" / "webhook" / "triggered.txt.j2"
    template.write_text("one")
    async with a_reloader(tmp_path, clock) as subject:
        template.write_text("two")
        await clock.sleep(LOOK_SECONDS + QUIET_SECONDS)
        template.write_text("three")
        await clock.sleep(3 + QUIET_SECONDS)
        assert (len(subject.checked), subject.applied) == (2, [])
        await clock.sleep(3)
        assert (len(subject.checked), len(subject.applied)) == (2, 1)
        assert logged(subject) == [["templates changed"]]


@virtual
async def test_a_wrong_template_refuses_all_and_one_that_was_wrong_from_the_start_refuses_nothing(tmp_path, clock):
    (tmp_path / "templates").mkdir()
    known, new = (Problem(file="t.j2", line=line, text="wrong") for line in (1, 2))
    async with a_reloader(tmp_path, clock, known=[known]) as subject:
        subject.problems = [known]
        subject.write(SECOND)
        await clock.sleep(10)
        assert subject.retentions == [2]
        subject.problems = [known, new]
        subject.write(FIRST)
        await clock.sleep(20)
        assert subject.told == ["over", "t.j2:2: wrong"]
        assert subject.retentions == [2]


@virtual
async def test_a_store_that_cannot_be_read_refuses_for_now(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.store = StoreUnavailable("the store cannot be read")
        subject.write(SECOND)
        await clock.sleep(10)
        assert subject.told == [f"{subject.file}: the store cannot be read"]


@virtual
async def test_of_many_mistakes_the_alarm_names_three(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(FIRST.replace("[tickets]", "[a, b, c, d, e]"))
        await clock.sleep(10)
        assert subject.told[0].endswith("; and 2 more")
        assert len(logged(subject, "config")) == 5


@pytest.mark.parametrize("name", ["a" * 300, '"a\\0b"', '"~nobody-here/a"'])
@pytest.mark.parametrize(
    "place", ["{file: %s}", '"http://127.0.0.1:9/", ca_file: %s', '"http://127.0.0.1:9/"}\ntemplates: %s #']
)
@virtual
async def test_a_name_that_no_file_can_have_is_refused_and_what_comes_after_it_is_read(place, name, tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.write(FIRST.replace("{file: url}", place % name))
        await clock.sleep(10)
        assert len(subject.told) == 1
        subject.write(SECOND)
        await clock.sleep(10)
        assert subject.retentions == [2]


@virtual
async def test_a_fault_of_the_bridges_own_while_it_reads_refuses_and_ends_nothing(tmp_path, clock):
    async with a_reloader(tmp_path, clock) as subject:
        subject.fault = RecursionError()
        subject.write(SECOND)
        await clock.sleep(10)
        assert subject.told == [f"{subject.file}: the bridge failed: RecursionError"]
        subject.fault = None
        subject.write(FIRST.replace("1d", "3d"))
        await clock.sleep(10)
        assert subject.retentions == [3]
