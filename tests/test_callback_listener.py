"""The public listener, over real connections: who may come in, what is taken, and every answer to the letter."""

import asyncio
import base64
import gzip
import json
import zlib
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import HttpVersion11

from bridge.store import Overloaded, StoreUnavailable
from bridge.web.callback import CallbackListener
from bridge.web.listening import listen
from bridge.web.reception import Reception
from bridge.web.settings import Address, ServerSettings
from bridge.web.written import answer_json
from tests.fakes.spine import MEMORY, a_body, a_spine, sample
from tests.fakes.virtual import virtual

CONFIG = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\n"
AUTH = {
    "tokens": ["right-token", "next-token"],
    "basic": [{"username": "tencent", "password": "geheim:é"}, {"username": "other", "password": "x"}],
}
BODY = sample(MEMORY)
TAKEN = b'{"sessionId": "2HfGxR8uJm6wQz0tVn5yKcLe", "retCode": 0}'


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float  # until the answer was whole
    closed: bool  # by the bridge, within 3 s


class Listening:
    def __init__(self, spine, port):
        self.spine, self.port = spine, port

    def stored(self):
        return [outcome for (outcome,) in self.spine.rows("SELECT outcome FROM callbacks ORDER BY id")]

    def counted(self, outcome):
        name = f'alarm_bridge_callbacks_total{{outcome="{outcome}"}} '
        line = next(line for line in self.spine.metrics.text().decode().splitlines() if line.startswith(name))
        return float(line.removeprefix(name))

    async def send(self, raw, *more, stays_open=True):
        """Send bytes on a connection of their own, piece by piece, and read one answer."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in (raw, *more):
                writer.write(piece)
                await writer.drain()
            if not stays_open:
                writer.write_eof()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = 0 if raw.startswith(b"HEAD") else int(headers.get("content-length", 0))
            body = await reader.readexactly(size)
            seconds = loop.time() - begun
            return Answer(int(first.split()[1]), headers, body, seconds, await _is_closed(reader))
        finally:
            writer.close()

    async def post(self, body=BODY, target="/callback", **headers):
        return await self.send(request("POST", target, body, **headers))


async def _is_closed(reader):
    try:
        async with asyncio.timeout(3):
            return await reader.read(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def request(method, target, body=b"", *, length=None, **headers):
    """Make a request; a header None is left out."""
    given: dict[str, str | None] = {"Host": "bridge", "Content-Length": str(len(body) if length is None else length)}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("utf-8", "surrogateescape") + body


def basic(user):
    return "Basic " + base64.b64encode(user.encode()).decode()


@asynccontextmanager
async def a_listener(folder, clock, *, record=None, trouble=None, **settings):
    async with AsyncExitStack() as stack:
        spine = await stack.enter_async_context(a_spine(folder, CONFIG, clock, workers=False))
        listener = CallbackListener(
            ServerSettings(**{"auth": "off", **settings}),
            Reception(
                record or spine.writer.record,
                trouble or (lambda: spine.writer.trouble),
                clock=clock,
                metrics=spine.metrics,
            ),
            clock,
        )
        where = await listen(stack, listener, Address(host="127.0.0.1", port=0))
        yield Listening(spine, int(where.rpartition(":")[2]))


# answers


@virtual
async def test_an_alarm_is_answered_in_tencents_words_once_it_is_stored_and_again_when_it_is_sent_again(
    tmp_path, clock
):
    async with a_listener(tmp_path, clock) as bridge:
        for outcomes in (["triggered"], ["triggered", "duplicate"]):
            answer = await bridge.post()
            assert (answer.status, answer.body, answer.closed) == (200, TAKEN, False)
            assert answer.headers["content-type"].startswith("application/json")
            assert bridge.stored() == outcomes
        assert bridge.spine.rows("SELECT body FROM callbacks") == [(BODY,), (BODY,)]
        assert (bridge.counted("triggered"), bridge.counted("duplicate")) == (1, 1)


@pytest.mark.parametrize(
    ("body", "outcome", "answer"),
    [
        (b"", "verification", {"sessionId": "", "retCode": 0}),
        (b" \r\n", "verification", {"sessionId": "", "retCode": 0}),
        (b"{}", "verification", {"sessionId": "", "retCode": 0}),
        (b'{"msg": "hi", "sessionId": "s"}', "verification", {"sessionId": "s", "retCode": 0}),
        (
            b'{"sessionId": "x", "title": "a body of my own"}',
            "unrecognised",
            {
                "sessionId": "x",
                "retCode": 0,
                "message": "the body is a JSON object, but no alarm: it has neither alarmObjInfo nor alarmPolicyInfo, "
                "and is no CloudEvent; it was kept as received",
            },
        ),
        (
            b"[1, 2]",
            "unrecognised",
            {"sessionId": "", "retCode": 0, "message": "the body is a JSON array, not an object; it was kept as received"},
        ),
        (
            b"42",
            "unrecognised",
            {"sessionId": "", "retCode": 0, "message": "the body is JSON, but a number, not an object; it was kept as received"},
        ),
        (
            b"null",
            "unrecognised",
            {"sessionId": "", "retCode": 0, "message": "the body is JSON, but null, not an object; it was kept as received"},
        ),
    ],
    ids=str,
)  # fmt: skip
@virtual
async def test_a_body_that_is_no_alarm_is_kept_and_answered_with_what_was_wrong(body, outcome, answer, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        given = await bridge.post(body)
        assert (given.status, json.loads(given.body)) == (200, answer)
        assert bridge.spine.rows("SELECT outcome, body FROM callbacks") == [(outcome, body)]
        assert bridge.counted(outcome) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"sessionId": "x", "alarmObjInfo": ',
        b'{"sessionId": NaN}',
        b'{"a": 1e999}',
        b'{"sessionId": "\\ud800"}',
        b"\xff\xfe\x00",
        b'{"a": "\\u0000"}',
        b'{"a": 1180591620717411303424}',
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"<xml/>",
        b"a=b&c=d",
    ],
    ids=lambda body: repr(body[:20]),
)
@virtual
async def test_a_body_that_nobody_can_read_is_kept_byte_for_byte(body, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        given = await bridge.post(body)
        answer = json.loads(given.body)
        assert given.status == 200
        assert answer["retCode"] == 0
        assert answer["message"].endswith("; it was kept as received")
        assert isinstance(answer["sessionId"], str)
        assert bridge.spine.rows("SELECT outcome, body FROM callbacks") == [("unrecognised", body)]


@pytest.mark.parametrize(
    ("odd", "session"),
    [
        (b'{"sessionId": "\\ud800", "alarmObjInfo": {}}', "\\ud800"),
        (b'{"sessionId": "s", "alarmObjInfo": {"dimensions": {"vport": NaN}}}', "s"),
        (b'{"sessionId": 1180591620717411303424, "alarmObjInfo": {}}', "1180591620717411303424"),
        (b'{"sessionId": "a\\u0000b", "alarmObjInfo": {}}', "a\\u0000b"),
    ],
)
@virtual
async def test_an_alarm_with_odd_values_is_taken_and_its_session_answered_as_received(odd, session, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        answer = await bridge.post(odd)
        assert answer.body.startswith(b'{"sessionId": "%b", "retCode": 0' % session.encode())
        assert bridge.spine.rows("SELECT outcome, body FROM callbacks") == [("triggered", odd)]


@virtual
async def test_what_the_store_could_not_take_as_it_is_says_so_in_its_answer(tmp_path, clock, monkeypatch):
    async with a_listener(tmp_path, clock) as bridge:
        await bridge.spine.writer.do(
            lambda connection: (
                connection.exec_driver_sql(
                    "CREATE TRIGGER refuse BEFORE INSERT ON callbacks WHEN NEW.session_id != '' "
                    "BEGIN SELECT RAISE(ABORT, 'made up'); END"
                )
                and None
            )
        )
        answer = await bridge.post()
        assert json.loads(answer.body) == {
            "sessionId": "2HfGxR8uJm6wQz0tVn5yKcLe",
            "retCode": 0,
            "message": "the store could not take what it says (IntegrityError); it was kept as received",
        }


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "é/ /"]
)
@virtual
async def test_any_content_type_is_right(kind, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        assert (await bridge.post(Content_Type=kind)).body == TAKEN


@virtual
async def test_callbacks_may_follow_each_other_on_one_connection_in_pieces_and_in_chunks(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        chunked = request("POST", "/callback", length=None, Content_Length=None, Transfer_Encoding="chunked")
        pieces = [b"%x\r\n%b\r\n" % (len(BODY[i : i + 100]), BODY[i : i + 100]) for i in range(0, len(BODY), 100)]
        assert (await bridge.send(chunked, *pieces, b"0\r\n\r\n")).body == TAKEN
        whole = request("POST", "/callback", BODY)
        assert (await bridge.send(whole[:7], whole[7:300], whole[300:])).body == TAKEN
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        for _ in range(3):
            writer.write(whole)
            assert (await reader.readuntil(TAKEN)).startswith(b"HTTP/1.1 200")
        writer.close()
        assert bridge.stored() == ["triggered"] + ["duplicate"] * 4


@virtual
async def test_who_asks_first_whether_to_send_the_body_is_told_to(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        head, _, _ = request("POST", "/callback", BODY, Expect="100-continue").partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert (await reader.readuntil(TAKEN)).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()


@virtual
async def test_a_connection_that_is_to_be_closed_is_closed_behind_the_answer(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        answer = await bridge.post(Connection="close")
        assert (answer.body, answer.closed, answer.headers["connection"]) == (TAKEN, True, "close")
        old = await bridge.send(request("POST", "/callback", BODY).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (old.body, old.closed) == (TAKEN, True)


@virtual
async def test_an_answer_says_when_it_was_made(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        begun = clock.now()
        answer = await bridge.post()
        assert parsedate_to_datetime(answer.headers["date"]) == begun.replace(microsecond=0)


class Wire:
    """A transport of which the other side has read all but `unread` bytes."""

    def __init__(self, unread):
        self.unread, self.written = unread, b""

    def is_closing(self):
        return False

    def get_write_buffer_size(self):
        return self.unread

    def write(self, data):
        self.written += data


def test_an_answer_is_not_put_behind_others_that_nobody_reads():
    read, unread = Wire(0), Wire(1)
    answers: list[Any] = []
    for wire in (read, unread):
        connection: Any = SimpleNamespace(transport=wire, version=HttpVersion11, keep_alive=True)
        answers.append(answer_json(connection, "{}", 0))
    assert read.written.endswith(b"\r\n\r\n{}")
    assert (unread.written, answers[1].body) == (b"", b"{}")  # aiohttp writes it, and waits


# credentials

GOOD = [
    ("/callback/right-token", {}),
    ("/callback/next-token", {}),
    ("/callback/right-token/", {}),
    ("/callback?token=right-token", {}),
    ("/callback?token=next-token&other=1", {}),
    ("/callback/?token=right-token", {}),
    ("/callback?token=wrong&token=right-token", {}),
    ("/callback", {"Authorization": "Bearer right-token"}),
    ("/callback", {"Authorization": "bearer  next-token "}),
    ("/callback", {"Authorization": basic("tencent:geheim:é")}),
    ("/callback", {"Authorization": basic("other:x").replace("Basic", "BASIC")}),
    ("/callback/wrong", {"Authorization": basic("other:x")}),
]
BAD = [
    ("/callback", {}),
    ("/callback/", {}),
    ("/callback/wrong", {}),
    ("/callback/wrong/", {}),
    ("/callback/right-toke", {}),
    ("/callback/right-token2", {}),
    ("/callback/Right-Token", {}),
    ("/callback/r%C3%A9ght-token", {}),
    ("/callback/%FF%FE", {}),
    ("/callback?token=", {}),
    ("/callback?token=%ED%A0%80", {}),
    ("/callback?token=right-token%00", {}),
    ("/callback?Token=right-token", {}),
    ("/callback", {"Authorization": "right-token"}),
    ("/callback", {"Authorization": "Bearer"}),
    ("/callback", {"Authorization": "Bearer r\udcffght"}),
    ("/callback", {"Authorization": "Bearer è"}),
    ("/callback", {"Authorization": basic("tencent:wrong")}),
    ("/callback", {"Authorization": basic("tencent")}),
    ("/callback", {"Authorization": basic("")}),
    ("/callback", {"Authorization": "Basic not!base64"}),
    ("/callback", {"Authorization": "Basic \udcff\udcfe"}),
    ("/callback", {"Authorization": "Digest username=tencent"}),
    ("/callback", {"Authorization": ""}),
]  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
@virtual
async def test_each_right_credential_lets_in(method, tmp_path, clock):
    async with a_listener(tmp_path, clock, auth=AUTH) as bridge:
        for target, headers in GOOD:
            body = BODY if method == "POST" else b""
            answer = await bridge.send(request(method, target, body, **headers))
            expected = {"POST": TAKEN, "GET": b"ok", "HEAD": b""}[method]
            assert (answer.status, answer.body) == (200, expected), target
        assert bridge.counted("unauthorized") == 0


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
@virtual
async def test_wrong_credentials_get_401_at_once_with_the_body_unread_and_nothing_is_stored(method, tmp_path, clock):
    async with a_listener(tmp_path, clock, auth=AUTH) as bridge:
        for target, headers in BAD:
            answer = await bridge.send(request(method, target, length=1000, **headers))
            assert (answer.status, answer.seconds, answer.closed) == (401, 0, True), (target, headers)
            assert answer.headers["www-authenticate"] == 'Basic realm="alarm-bridge"'
            assert answer.body == (b"" if method == "HEAD" else b"wrong or missing credentials")
        assert bridge.stored() == []
        assert bridge.counted("unauthorized") == len(BAD)
        assert "right-token" not in str(bridge.spine.logs)
        assert "geheim" not in str(bridge.spine.logs)


@virtual
async def test_without_credentials_in_the_config_everybody_is_let_in_whatever_they_bring(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        for target, headers in BAD:
            assert (await bridge.send(request("POST", target, BODY, **headers))).body == TAKEN


@pytest.mark.parametrize("path", ["/callback", "/deep/er/path", "/x/", "/"])
@virtual
async def test_the_path_may_be_any_and_a_slash_behind_it_changes_nothing(path, tmp_path, clock):
    async with a_listener(tmp_path, clock, auth=AUTH, callback_path=path) as bridge:
        bare = path.rstrip("/")
        behind = ("/right-token", "/right-token/", "/?token=right-token")
        for target in (*(f"{bare}{rest}" for rest in behind), f"{bare or '/'}?token=right-token"):
            assert (await bridge.post(target=target)).body == TAKEN
            assert (await bridge.send(request("GET", target))).body == b"ok"
        assert (await bridge.send(request("GET", "/readyz"))).body == b"ok"
        assert (await bridge.send(request("GET", "/healthz"))).body == b"ok"


@pytest.mark.parametrize(("method", "target"), [("PUT", "/callback"), ("DELETE", "/callback"), ("POST", "/readyz")])
@virtual
async def test_other_methods_are_refused(method, target, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        assert (await bridge.send(request(method, target))).status == 405
        for elsewhere in ("/elsewhere", "/callback//", "/callback/a/b", "/callback/a//"):
            assert (await bridge.send(request(method, elsewhere))).status == 404
        assert bridge.stored() == []


# size and slowness


@pytest.mark.parametrize("place", ["length", "false length", "chunks"])
@virtual
async def test_a_body_over_the_limit_gets_413_and_the_connection_is_closed(place, tmp_path, clock):
    async with a_listener(tmp_path, clock, max_body="4KiB") as bridge:
        head = {
            "length": request("POST", "/callback", length=4097),
            "false length": request("POST", "/callback", length=5 * 1024**4),
            "chunks": request("POST", "/callback", Content_Length=None, Transfer_Encoding="chunked"),
        }[place]
        pieces = {
            "length": [b"x" * 4097],
            "false length": [b"{}"],
            "chunks": [b"400\r\n" + b"x" * 0x400 + b"\r\n"] * 5,
        }[place]
        answer = await bridge.send(head, *pieces)
        assert (answer.status, answer.closed, answer.seconds) == (413, True, 0)
        assert json.loads(answer.body) == {
            "sessionId": "",
            "retCode": 1,
            "message": "the body is larger than 4096 bytes",
        }
        assert bridge.stored() == []
        assert bridge.counted("failed") == 1


@virtual
async def test_a_body_of_just_the_limit_is_taken(tmp_path, clock):
    body = a_body(padding="x")
    body = a_body(padding="x" * (4096 - len(body) + 1))
    assert len(body) == 4096
    async with a_listener(tmp_path, clock, max_body="4KiB") as bridge:
        assert (await bridge.post(body)).body == TAKEN


@virtual
async def test_more_than_was_announced_is_not_read_as_part_of_the_body(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        answer = await bridge.send(request("POST", "/callback", BODY, length=len(BODY)), b"and more\r\n\r\n")
        assert answer.body == TAKEN or answer.status == 400
        assert answer.closed
        assert {body for (body,) in bridge.spine.rows("SELECT body FROM callbacks")} <= {BODY}


@virtual
async def test_a_compressed_body_is_read_and_one_that_grows_beyond_the_limit_is_refused(tmp_path, clock):
    async with a_listener(tmp_path, clock, max_body="64KiB") as bridge:
        assert (await bridge.post(gzip.compress(BODY), Content_Encoding="gzip")).body == TAKEN
        assert bridge.spine.rows("SELECT body FROM callbacks") == [(BODY,)]
        assert (await bridge.post(zlib.compress(BODY), Content_Encoding="deflate")).body == TAKEN
        bomb = gzip.compress(b"x" * 32 * 1024**2)
        answer = await bridge.post(bomb, Content_Encoding="gzip")
        assert (answer.status, answer.closed) == (413, True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@virtual
async def test_a_body_that_is_not_compressed_as_it_says_is_refused_in_words(encoding, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        answer = await bridge.post(b"this is not it", Content_Encoding=encoding)
        assert (answer.status, answer.closed) == (400, True)
        assert bridge.stored() == []
        assert [line for line in bridge.spine.logs if "exc_info" in line] == []


@pytest.mark.parametrize("sent", [b"", BODY[:100]])
@virtual
async def test_half_a_body_is_given_up_after_4_seconds(sent, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        answer = await bridge.send(request("POST", "/callback", sent, length=len(BODY)))
        assert (answer.status, answer.closed) == (408, True)
        assert answer.seconds == pytest.approx(4, abs=0.1)
        assert json.loads(answer.body)["message"] == "the body did not arrive in time"
        assert bridge.stored() == []
        assert bridge.counted("failed") == 1


@virtual
async def test_a_body_that_trickles_is_given_up_after_4_seconds_in_all(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        writer.write(request("POST", "/callback", length=len(BODY)))
        begun = clock.monotonic()
        answer = asyncio.ensure_future(reader.readuntil(b"\r\n"))
        for place in range(len(BODY)):
            if answer.done():
                break
            writer.write(BODY[place : place + 1])
            await clock.sleep(0.5)
        assert (await answer).startswith(b"HTTP/1.1 408")
        assert clock.monotonic() - begun <= 4.5
        writer.close()


@virtual
async def test_a_slow_body_leaves_less_time_to_the_store_so_that_the_answer_comes_before_tencent_gives_up(
    tmp_path, clock
):
    async def record(callback):
        await clock.sleep(3600)

    async with a_listener(tmp_path, clock, record=record) as bridge:
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        begun = clock.monotonic()
        whole = request("POST", "/callback", BODY)
        writer.write(whole[:-1])
        await clock.sleep(3.9)
        writer.write(whole[-1:])
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503")
        assert clock.monotonic() - begun == pytest.approx(4.5, abs=0.05)
        assert b'"retCode": 1' in await reader.readuntil(b"}")
        assert bridge.spine.logged("callback")[-1]["reason"] == "body and store together took too long"
        writer.close()


@virtual
async def test_a_sender_that_goes_away_within_the_body_leaves_nothing_behind(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        _, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        writer.write(request("POST", "/callback", BODY[:100], length=len(BODY)))
        await clock.sleep(0.1)
        writer.transport.abort()
        await clock.sleep(5)
        assert bridge.stored() == []
        assert [line for line in bridge.spine.logs if line["log_level"] == "error"] == []
        assert (await bridge.post()).body == TAKEN


# the old check of a URL


@virtual
async def test_tencents_old_check_is_answered_with_the_code(tmp_path, clock):
    async with a_listener(tmp_path, clock, verification_code="the-code") as bridge:
        answer = await bridge.post(sample("verification-2019"))
        assert (answer.status, answer.body) == (200, b"the-code")
        assert answer.headers["content-type"].startswith("text/plain")
        for other in (b"", b"{}"):
            assert (await bridge.post(other)).body == b'{"sessionId": "", "retCode": 0}'
        alarm = a_body(msg="an alarm all the same")
        assert (await bridge.post(alarm)).body == TAKEN
        assert bridge.stored() == ["verification", "verification", "verification", "triggered"]
        assert bridge.spine.deliveries("events.state") == [("triggered",)]


@virtual
async def test_without_a_code_the_old_check_is_answered_as_any_other(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        answer = await bridge.post(sample("verification-2019"))
        assert json.loads(answer.body) == {"sessionId": "", "retCode": 0}


@virtual
async def test_the_code_is_for_those_with_credentials(tmp_path, clock):
    async with a_listener(tmp_path, clock, auth=AUTH, verification_code="the-code") as bridge:
        answer = await bridge.post(sample("verification-2019"))
        assert (answer.status, answer.body) == (401, b"wrong or missing credentials")


# when the store cannot


@pytest.mark.parametrize("error", [Overloaded("too many"), StoreUnavailable("the disk is full")])
@virtual
async def test_what_the_store_cannot_take_is_answered_so_that_tencent_sends_it_again(error, tmp_path, clock):
    async def record(callback):
        raise error

    async with a_listener(tmp_path, clock, record=record) as bridge:
        answer = await bridge.post()
        message = b'"message": "the store cannot take it now: send it again"'
        assert (answer.status, answer.body) == (503, TAKEN.replace(b"0}", b"1, " + message + b"}"))
        assert bridge.counted("failed") == 1
        assert bridge.spine.logged("callback")[-1]["reason"] == str(error)


@virtual
async def test_readiness_and_health_hang_on_the_store_and_tell_no_reasons(tmp_path, clock):
    trouble = [""]
    async with a_listener(tmp_path, clock, auth=AUTH, trouble=lambda: trouble[0]) as bridge:
        for reason, status, said in (("", 200, b"ok"), ("the disk is full", 503, b"unavailable"), ("", 200, b"ok")):
            trouble[0] = reason
            for target in ("/healthz", "/readyz"):
                answer = await bridge.send(request("GET", target))
                assert (answer.status, answer.body) == (status, said)


@pytest.mark.parametrize("before", [b"", request("POST", "/callback", BODY)])
@pytest.mark.parametrize("half", [b"", b"POST /callback HTTP/1.1\r\nHost: bri"])
@virtual
async def test_a_connection_without_the_whole_head_of_a_request_is_closed_after_75_s(before, half, tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        writer.write(before)
        if before:
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(TAKEN)) == TAKEN
        begun = loop.time()
        writer.write(half)
        assert await reader.read() == b""
        assert 74 < loop.time() - begun < 77
        writer.close()


@virtual
async def test_the_log_names_an_object_as_its_messages_do(tmp_path, clock):
    async with a_listener(tmp_path, clock) as bridge:
        await bridge.post()
        assert bridge.spine.logged("callback")[-1]["object"] == "shop-sg-batch-02 (ins-b6y3n0wd)"
