"""`alarm-bridge send` before a receiver on loopback: what is posted, what is shown, what is remembered."""

import base64
import json
import os
import socket
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from bridge import samples, sources
from bridge.cli import app
from bridge.clock import SystemClock

METRIC = "doc-2019-metric-triggered"
EVENT = "doc-2019-event-triggered"


class Receiver(ThreadingHTTPServer):
    """Answers as a bridge does, and keeps what it was sent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.status, self.answer, self.headers = 200, b'{"sessionId": "s", "retCode": 0}', {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/callback"

    @property
    def alarms(self):
        return [sources.read(body, SystemClock().now()).alarm for _, _, body in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def state_home(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def send(receiver, state_home):
    def run(*arguments, env=None, url=None, stdin=None):
        environ = {"XDG_STATE_HOME": str(state_home), "ALARM_BRIDGE_TOKEN": None} | (env or {})
        command = ["send", "--url", url or receiver.url, *arguments]
        return CliRunner().invoke(app, command, env=environ, input=stdin, catch_exceptions=False)

    return run


def test_a_sample_is_posted_as_json_with_no_credentials_and_the_answer_is_shown(send, receiver):
    result = send(METRIC)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == 'doc-2019-metric-triggered (triggered): 200 {"sessionId": "s", "retCode": 0}\n'
    path, headers, body = receiver.requests[0]
    assert path == "/callback"
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    assert json.loads(body)["alarmPolicyInfo"] == json.loads(samples.body(METRIC))["alarmPolicyInfo"]


def test_a_sample_sent_twice_is_two_alarms(send, receiver):
    assert send(METRIC, METRIC).exit_code == 0
    first, second = receiver.alarms
    assert first.key == second.key
    assert first.started_at < second.started_at
    assert first.session_id != second.session_id


def test_samples_of_one_alarm_are_two_alarms_too(send, receiver):
    send("doc-2019-event-triggered", "doc-2021-event-triggered")
    first, second = receiver.alarms
    assert first.key == second.key
    assert first.started_at < second.started_at


def test_a_repeat_and_a_recovery_go_on_with_the_one_sent_last_from_another_shell(send, receiver):
    send("capture-2021-cvm-memory-triggered", EVENT, METRIC)
    repeat, recovery = send("--state", "repeat"), send("--state", "recovered")
    assert repeat.stdout == 'doc-2019-metric-triggered (repeat): 200 {"sessionId": "s", "retCode": 0}\n'
    assert recovery.stdout == 'doc-2019-metric-triggered (recovered): 200 {"sessionId": "s", "retCode": 0}\n'
    *_, trigger, again, ended = receiver.alarms
    assert len(receiver.alarms) == 5
    assert trigger.key == again.key == ended.key
    assert trigger.started_at == again.started_at == ended.started_at
    assert (again.duration_seconds, again.status, ended.status) == (300, "firing", "recovered")
    assert ended.duration_seconds == (ended.recovered_at - ended.started_at).total_seconds()
    assert len({alarm.session_id for alarm in receiver.alarms}) == 5


def test_a_state_goes_on_with_the_named_sample(send, receiver):
    send(METRIC, EVENT)
    result = send("--state", "recovered", METRIC)
    assert result.stderr == ""
    assert receiver.alarms[2].started_at == receiver.alarms[0].started_at


def test_an_escalation_goes_on_with_a_higher_level(send, receiver):
    send(METRIC)
    assert send("--state", "escalated").stderr == ""
    assert receiver.alarms[1].severity == "serious"
    assert receiver.alarms[1].started_at == receiver.alarms[0].started_at


def test_triggered_begins_anew_though_it_was_sent_before(send, receiver):
    send(METRIC)
    send("--state", "triggered", METRIC)
    assert receiver.alarms[1].started_at > receiver.alarms[0].started_at


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("repeat", "was not sent before: this repeat is the first the bridge hears of it, and counts as triggered"),
        ("escalated", "was not sent before: this is the first the bridge hears of it, and counts as triggered"),
        ("recovered", "was not sent before: this is a recovery whose alarm the bridge never heard of"),
    ],
)
def test_what_was_never_sent_is_said(send, receiver, state, words):
    result = send("--state", state, METRIC)
    assert (result.exit_code, result.stderr) == (0, f"doc-2019-metric-triggered {words}\n")
    assert len(receiver.requests) == 1


def test_a_state_without_a_callback_needs_one_that_was_sent(send, receiver):
    result = send("--state", "repeat")
    assert result.exit_code == 1
    assert result.stderr == "nothing was sent yet that could be gone on with: name a callback\n"


def test_what_was_not_taken_is_not_gone_on_with(send, receiver):
    receiver.status = 503
    send(METRIC)
    assert send("--state", "repeat").exit_code == 1


def test_as_is_changes_nothing(send, receiver):
    for name in samples.names():
        assert send("--as-is", name).exit_code == 0
    assert [body for _, _, body in receiver.requests] == [samples.body(name) for name in samples.names()]


def test_every_sample_can_be_sent(send, receiver):
    result = send(*samples.names())
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(receiver.requests) == 18


def test_a_file_is_sent_as_it_is_and_with_a_state_like_a_sample(send, receiver, tmp_path):
    file = tmp_path / "alarm.json"
    file.write_bytes(samples.body(METRIC))
    assert send(str(file)).stdout.startswith(f"{file} (triggered): 200")
    assert send("--state", "repeat", str(file)).stderr == ""
    assert send("--state", "triggered", str(file)).stderr == ""
    as_it_was, repeat, anew = receiver.alarms
    assert receiver.requests[0][2] == samples.body(METRIC)
    assert (repeat.started_at, repeat.duration_seconds) == (as_it_was.started_at, 800)
    assert anew.started_at > as_it_was.started_at


def test_standard_input_is_a_file(send, receiver):
    assert send("-", stdin=b"[1, 2").stdout == '- (as it is): 200 {"sessionId": "s", "retCode": 0}\n'
    assert receiver.requests[0][2] == b"[1, 2"


def test_a_body_of_a_template_gets_the_present_time_and_keeps_its_state(send, receiver):
    result = send("--state", "recovered", "template-body-triggered")
    assert result.stdout.startswith("template-body-triggered (present times): 200")
    assert result.stderr == (
        "template-body-triggered is no alarm of Tencent's own format: its state and session cannot be changed\n"
    )
    assert json.loads(receiver.requests[0][2])["status"] == "Trigger"


@pytest.mark.parametrize("name", ["doc-2022-cloudevents", "doc-2019-event-triggered"])
def test_a_repeat_of_what_has_no_duration_is_said_to_look_like_a_resend(send, receiver, name):
    send(name)
    assert send("--state", "repeat").stderr == (
        f"{name} has no duration that could grow: within five minutes the bridge takes this for a re-send\n"
    )


def test_a_file_of_long_ago_is_sent_as_it_is_and_how_to_bring_it_to_the_present_is_said(send, receiver, tmp_path):
    file = tmp_path / "mine.json"
    file.write_bytes(samples.body(METRIC))
    said = send(str(file))
    assert receiver.requests[0][2] == samples.body(METRIC)
    assert said.stderr == (f"{file} began on 2017-03-09, and is sent so; --state triggered gives it the present time\n")
    assert send("--as-is", str(file)).stderr == ""
    assert send("--state", "triggered", str(file)).stderr == ""
    file.write_bytes(receiver.requests[2][2])
    assert send(str(file)).stderr == ""


def test_the_token_goes_into_the_query_whatever_its_letters(send, receiver):
    send("--token", "a+b/c&d é", METRIC)
    assert parse_qs(urlsplit(receiver.requests[0][0]).query) == {"token": ["a+b/c&d é"]}


def test_the_token_may_come_from_the_environment(send, receiver):
    send(METRIC, env={"ALARM_BRIDGE_TOKEN": "from-outside"})
    assert receiver.requests[0][0] == "/callback?token=from-outside"


def test_a_user_is_sent_as_basic_and_counts_before_the_environment(send, receiver):
    send("--user", "tencent:pa:ss", METRIC, env={"ALARM_BRIDGE_TOKEN": "from-outside"})
    path, headers, _ = receiver.requests[0]
    assert (path, headers["Authorization"]) == ("/callback", "Basic " + base64.b64encode(b"tencent:pa:ss").decode())


def test_credentials_in_the_address_are_used_as_tencent_uses_them(send, receiver):
    send(METRIC, url=receiver.url.replace("http://", "http://tencent:secret@"))
    assert receiver.requests[0][1]["Authorization"] == "Basic " + base64.b64encode(b"tencent:secret").decode()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            401,
            "the credentials are missing or wrong: give --token or --user as `server.auth` in the bridge's config does",
        ),
        (404, "nobody takes callbacks at this path: compare --url with `server.callback_path` of the bridge's config"),
        (413, "the callback is larger than `server.max_body` of the bridge's config, or than a proxy lets through"),
        (503, "the bridge cannot store it now, its log says why; Tencent Cloud would send it again"),
        (301, "the address has moved, and Tencent Cloud is not known to follow: give the new one with --url"),
        (202, "only 200 tells Tencent Cloud that the callback was taken: the bridge's log says more"),
    ],
)
def test_each_refusal_says_what_to_try_next(send, receiver, status, words):
    answer = b"no" if status in {301, 413} else b'{"sessionId": "s", "retCode": 1}'
    answer = {401: b"wrong or missing credentials", 404: b"404: Not Found"}.get(status, answer)
    receiver.headers = {"Location": receiver.url, "WWW-Authenticate": 'Basic realm="alarm-bridge"'}
    receiver.status, receiver.answer = status, answer
    result = send(METRIC)
    assert result.exit_code == 1
    said = answer.decode().removeprefix("404: ")  # which stands in front of it anyway
    assert result.stdout == f"doc-2019-metric-triggered (triggered): {status} {said}\n"
    assert result.stderr == f"doc-2019-metric-triggered (triggered): {words}\n"
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b"<html>Welcome to nginx!</html>"),
        (200, b'{"ok": true}'),
        (200, b""),
        (202, b"accepted"),
        (400, b"Bad Request"),
        (401, b"no"),
        (404, b"<html>404: Not Found</html>"),
        (405, b"no"),
        (500, b"no"),
        (503, b"no"),
    ],
)
def test_an_answer_that_is_not_the_bridges_is_known(send, receiver, status, answer):
    receiver.status, receiver.answer = status, answer
    result = send(METRIC)
    assert result.exit_code == int(status != 200)
    assert result.stderr == (
        "doc-2019-metric-triggered (triggered): this does not look like alarm-bridge: "
        "is --url the address of the callbacks that `serve` prints?\n"
    )


def test_the_code_that_answers_a_check_of_the_url_is_the_bridges(send, receiver):
    receiver.answer, receiver.headers = b"4711", {"Content-Type": "text/plain; charset=utf-8"}
    assert send("verification-2019").stderr == ""
    assert "does not look like alarm-bridge" in send(METRIC).stderr


def test_the_help_says_how_time_moves_and_where_it_is_remembered(send):
    said = " ".join(CliRunner().invoke(app, ["send", "--help"]).stdout.split())
    assert "move its time forward: a repeat and a rise by 300 s" in said
    assert "$XDG_STATE_HOME/alarm-bridge/sent.json, else in ~/.local/state/alarm-bridge/sent.json." in said


def test_one_refusal_among_several_ends_with_1_and_the_others_are_sent(send, receiver, tmp_path):
    (tmp_path / "empty").touch()
    assert send("nothing-like-it", METRIC).exit_code == 2
    receiver.status = 413
    assert send(METRIC, EVENT).exit_code == 1
    assert len(receiver.requests) == 2


def test_a_bridge_that_is_not_there_is_said_with_the_next_thing_to_try(send):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = send("--token", "very-secret", METRIC, url=f"{url}/callback/very-secret")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"doc-2019-metric-triggered (triggered): nothing listens at {url}/…: "
        "start it with `alarm-bridge serve`, or give its address with --url\n"
    )


def test_a_server_that_does_not_speak_http_is_said(send):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/callback"

        def answer():
            connection, _ = server.accept()
            connection.recv(10)
            connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        result = send(METRIC, url=url)
        thread.join()
    assert result.exit_code == 1
    assert result.stderr.startswith(f"doc-2019-metric-triggered (triggered): {url} does not answer as HTTP does (")


def test_tls_where_there_is_none_is_said(send, receiver):
    result = send(METRIC, url=receiver.url.replace("http:", "https:"))
    assert result.exit_code == 1
    assert "no TLS connection with https://127.0.0.1" in result.stderr


def test_an_answer_is_shown_on_one_line_without_control_characters_or_secrets(send, receiver):
    receiver.answer = b"one\r\ntwo \x1b[31m very-secret " + b"x" * 5000
    result = send("--token", "very-secret", METRIC)
    line = result.stdout.removesuffix("\n")
    assert line.startswith("doc-2019-metric-triggered (triggered): 200 one two [31m <secret> xxx")
    assert line.endswith("x…")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name a callback to send: a file, or one that `alarm-bridge samples` lists"),
        (("--state", "triggered"), "name a callback to send: a file, or one that `alarm-bridge samples` lists"),
        (
            ("--as-is", "--state", "repeat", METRIC),
            "--as-is changes nothing, and --state changes the state: give one of them",
        ),
        (("--token", "a", "--user", "b:c", METRIC), "give --token or --user, not both"),
        (("--user", "b", METRIC), "--user takes a name and a password with a colon between them"),
        (
            ("doc-2019-metric.json",),
            'doc-2019-metric.json: neither a file nor a built-in sample; did you mean "doc-2019-metric-triggered"?',
        ),
        (("nothing",), "nothing: neither a file nor a built-in sample; `alarm-bridge samples` lists them"),
        (("/",), "/: is a directory, not a callback"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_sent(send, receiver, arguments, words):
    result = send(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{words}\n")
    assert receiver.requests == []


@pytest.mark.parametrize("url", ["127.0.0.1:8080/callback", "ftp://host/callback", "http://", "http://h:99999/", ""])
def test_an_address_that_is_none_is_wrong_usage(state_home, url):
    result = CliRunner().invoke(app, ["send", "--url", url, METRIC], env={"XDG_STATE_HOME": str(state_home)})
    assert (result.exit_code, result.stderr) == (2, "--url must be an address such as http://127.0.0.1:8080/callback\n")


def test_a_state_nobody_can_send_is_wrong_usage(send):
    result = send("--state", "recoverd", METRIC)
    assert result.exit_code == 2
    assert result.stderr == "--state recoverd: must be one of triggered, repeat, escalated, recovered\n"


def test_what_is_remembered_is_for_its_owner_alone_and_holds_no_credentials(send, receiver, state_home):
    send("--token", "very-secret", METRIC, url=receiver.url.replace("http://", "http://user:very-secret@"))
    file = state_home / "alarm-bridge" / "sent.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "very-secret" not in file.read_text()
    assert sorted(entry.name for entry in file.parent.iterdir()) == ["sent.json", "sent.lock"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"sent": 1}',
        '{"sent": {"a": 1}, "latest": {}}',
        '{"sent": {}, "latest": {"a": {"began": "x", "ended": null}}}',
    ],
)
def test_a_memory_that_cannot_be_understood_is_none(send, receiver, state_home, content):
    file = state_home / "alarm-bridge" / "sent.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert send(METRIC).exit_code == 0
    assert send("--state", "recovered").exit_code == 0


def test_a_memory_that_cannot_be_kept_is_said_and_the_callback_sent_all_the_same(send, receiver, tmp_path):
    (tmp_path / "file").touch()
    result = send(METRIC, env={"XDG_STATE_HOME": str(tmp_path / "file")})
    assert result.exit_code == 0
    assert result.stderr == (
        f"{tmp_path}/file/alarm-bridge/sent.json: Not a directory: what was sent cannot be remembered\n"
    )
    assert len(receiver.requests) == 1


def test_without_an_absolute_state_home_the_users_own_is_taken(send, receiver, tmp_path):
    send(METRIC, env={"XDG_STATE_HOME": "here", "HOME": str(tmp_path)})
    assert (tmp_path / ".local" / "state" / "alarm-bridge" / "sent.json").is_file()
    assert not os.path.exists("here")  # noqa: PTH110


def test_only_the_last_hundred_are_remembered(send, receiver, state_home, tmp_path):
    files = [tmp_path / str(number) for number in range(102)]
    for file in files:
        file.write_bytes(samples.body(METRIC))
    send(*map(str, files))
    content = json.loads((state_home / "alarm-bridge" / "sent.json").read_text())
    assert list(content["sent"]) == [str(file) for file in files[2:]]
