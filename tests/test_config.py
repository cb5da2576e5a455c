"""A config that is right: what each way of writing it means."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.alarm import Alarm, State, Status
from bridge.config import ConfigError, Problem, load
from bridge.configuration.yaml_tree import parse
from bridge.message import Step
from bridge.settings import Secret
from bridge.web.settings import address

SMALL = "server:\n  auth: off\nchannels:\n  here:\n    type: terminal\ndefault_channels: [here]\n"


@pytest.fixture
def write(tmp_path):
    def written(text, environ=None, warnings=False):
        file = tmp_path / "config.yaml"
        file.write_text(text)
        loaded = load(file, environ or {})
        return loaded if warnings else loaded.config

    return written


def with_server(text):
    return SMALL.replace("server:\n  auth: off\n", text)


def with_channel(text):
    return SMALL.replace("    type: terminal\n", f"    type: webhook\n    url: https://example.com/hook\n{text}")


def with_match(text):
    return f"{SMALL}routes:\n  - match: {text}\n    channels: [here]\n"


def revealed(secrets):
    return [secret.reveal() for secret in secrets]


def test_what_is_not_given_has_the_defaults_of_the_documentation(write, tmp_path):
    loaded = write(SMALL, warnings=True)
    config = loaded.config
    assert loaded.warnings == ()
    assert str(config.server.listen) == "127.0.0.1:8080"
    assert config.server.callback_path == "/callback"
    assert config.server.max_body == 1024**2
    assert config.server.verification_code is None
    assert config.server.auth is None
    assert str(config.console.listen) == "127.0.0.1:8081"
    assert config.console.auth is None
    assert config.store == tmp_path / "alarm-bridge.db"
    assert config.templates is None
    assert (config.language, config.timezone, config.retention) == ("en", ZoneInfo("Asia/Shanghai"), timedelta(days=30))
    assert config.default_channels == ("here",)
    assert config.secrets == frozenset()


@pytest.mark.parametrize("word", ["off", "false", "False", '"off"', "Off"])
def test_off_and_false_both_mean_off(write, word):
    config = write(with_server(f"server:\n  auth: {word}\nconsole:\n  listen: {word}\n  auth: {word}\n"))
    assert (config.server.auth, config.console.listen, config.console.auth) == (None, None, None)
    assert write(with_channel(f"    rate: {word}\n    proxy: {word}\n")).channels["here"].rate is None


def test_a_number_may_come_from_the_environment(write):
    config = write(with_channel("    digest_over: ${MOST}\n"), {"MOST": "7"})
    assert config.channels["here"].digest_over == 7


def test_a_console_that_is_off_needs_no_credentials(write):
    assert write(with_server("server:\n  auth: off\nconsole: {listen: off}\n")).console.listen is None


@pytest.mark.parametrize("word", ["off", "false", "'off'"])
def test_console_and_heartbeat_as_a_whole_can_be_off(word, write):
    config = write(with_server(f"server:\n  auth: off\nconsole: {word}\nheartbeat: {word}\n"))
    assert (config.console.listen, config.heartbeat.url) == (None, None)


def test_a_console_off_loopback_with_credentials_is_allowed(write):
    text = with_server("server:\n  auth: off\nconsole: {listen: '0.0.0.0:9', auth: {tokens: [0123456789abcdef]}}\n")
    assert revealed(write(text).console.auth.tokens) == ["0123456789abcdef"]


@pytest.mark.parametrize(
    ("text", "host", "port", "shown", "is_loopback"),
    [
        ('"[::1]:8080"', "::1", 8080, "[::1]:8080", True),
        ("127.0.0.2:0", "127.0.0.2", 0, "127.0.0.2:0", True),
        ("localhost:1", "localhost", 1, "localhost:1", True),
        ('"[::]:80"', "::", 80, "[::]:80", False),
        ("0.0.0.0:65535", "0.0.0.0", 65535, "0.0.0.0:65535", False),
        ("bridge.example.com:80", "bridge.example.com", 80, "bridge.example.com:80", False),
    ],
)
def test_an_address_is_a_host_and_a_port(write, text, host, port, shown, is_loopback):
    listen = write(with_server(f"server:\n  auth: off\n  listen: {text}\n")).server.listen
    assert (listen.host, listen.port, str(listen), listen.is_loopback) == (host, port, shown, is_loopback)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("127.0.0.1:1", "127.0.0.2:1", False),
        ("0.0.0.0:1", "127.0.0.1:1", True),
        ("0.0.0.0:1", "localhost:1", True),
        ("[::]:1", "localhost:1", True),
        ("[::]:1", "[::1]:1", True),
        ("[::]:1", "127.0.0.1:1", False),  # asyncio opens [::] for IPv6 alone
        ("[::]:1", "0.0.0.0:1", False),
        ("[::1]:1", "[0::1]:1", True),
        ("localhost:1", "127.0.0.1:1", True),
        ("bridge:1", "bridge:1", True),
        ("bridge:1", "0.0.0.0:1", False),  # not looked up: `serve` finds it
    ],
)
def test_two_addresses_meet_where_they_cannot_both_be_listened_on(one, other, meet):
    assert address(one).meets(address(other)) is address(other).meets(address(one)) is meet


def test_a_number_of_more_than_100_characters_stays_a_text(write):
    loaded = write(SMALL + f"routes:\n  - vars: {{long: {'1' * 5000}, short: {'1' * 100}}}\n    channels: [here]\n")
    assert loaded.routes.named("1").vars == {"long": "1" * 5000, "short": int("1" * 100)}


@pytest.mark.parametrize("text", ["/callback", "/callback/", "/a/b-c_d~e.f"])
def test_a_callback_path_has_no_slash_at_its_end(write, text):
    assert write(with_server(f"server: {{auth: off, callback_path: {text}}}\n")).server.callback_path == text.rstrip(
        "/"
    )


def test_the_environment_fills_texts(write):
    text = with_server(
        'server:\n  auth:\n    tokens: ["${TOKEN}", "${UNSET:-fallback-0123456}", "a${TOKEN}b"]\n'
        '    basic: [{username: "${USER_NAME:-tencent}", password: "$${TOKEN}$"}]\n'
    )
    auth = write(text, {"TOKEN": "0123456789abcdef", "USER_NAME": ""}).server.auth
    assert revealed(auth.tokens) == ["0123456789abcdef", "fallback-0123456", "a0123456789abcdefb"]
    assert (auth.basic[0].username, auth.basic[0].password.reveal()) == ("tencent", "${TOKEN}$")


def test_a_value_of_the_environment_cannot_change_the_structure(write):
    hostile = '"\n  listen: 0.0.0.0:1\n${TOKEN} !tag *x {a: b}'
    text = SMALL.replace("[here]\n", "[here]\nroutes: [{channels: [here], vars: {text: '${HOSTILE}'}}]\n")
    config = write(text, {"HOSTILE": hostile})
    assert config.routes.all[0].vars == {"text": hostile}
    assert str(config.server.listen) == "127.0.0.1:8080"


def test_keys_are_not_filled_from_the_environment(write):
    with pytest.raises(ConfigError, match=r"server\.\$\{KEY\}: unknown key"):
        write(with_server("server:\n  auth: off\n  ${KEY}: 1\n"), {"KEY": "listen"})


@pytest.mark.parametrize(
    ("text", "code"), [('""', None), ('"${CODE:-}"', None), ("0123", "0123"), ("{file: code}", None)]
)
def test_an_empty_verification_code_means_none(write, tmp_path, text, code):
    (tmp_path / "code").write_text("\n")
    found = write(with_server(f"server:\n  auth: off\n  verification_code: {text}\n")).server.verification_code
    assert (found and found.reveal()) == code


def test_a_secret_is_read_from_a_file_beside_the_config_without_its_last_newline(write, tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("token-from-a-file\n")
    (tmp_path / "key").write_bytes(b"whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0\r\n")
    text = (
        with_channel('    secret: {file: "${NAME}"}\n    headers: {Authorization: {file: secrets/token}}\n')
        + "console: {auth: {tokens: [{file: secrets/token}]}}\n"
    )
    config = write(text, {"NAME": "key"})
    assert revealed(config.console.auth.tokens) == ["token-from-a-file"]
    assert revealed(config.channels["here"].secret) == ["whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"]
    assert config.channels["here"].headers["Authorization"].reveal() == "token-from-a-file"


def test_numbers_stay_as_they_are_written_where_a_text_is_wanted(write):
    text = with_server(
        "server:\n  auth:\n    tokens: [0123456789012345]\n    basic: [{username: 007, password: 0x10}]\n"
    )
    auth = write(text).server.auth
    assert revealed(auth.tokens) == ["0123456789012345"]
    assert (auth.basic[0].username, auth.basic[0].password.reveal()) == ("007", "0x10")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.0", "1.0"),
        ("007", "007"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("yes", "yes"),
        ("no", "no"),
        ("off", "off"),
        ("true", "true"),
        ("2026-01-01", "2026-01-01"),
        ("12:30:45", "12:30:45"),
        ('"~(a|b)"', "a"),
        ("~(a|b)", "b"),
        ("'!x'", "y"),
        ('"="', ""),
        ("[1.0, 007]", "007"),
        ("[1.0, 007]", "1.0"),
        ('"{a}"', "{a}"),
    ],
)
def test_a_match_compares_with_a_value_as_it_is_written(write, written, value):
    tree = write(with_match(f"{{policy_name: {written}}}")).routes
    now = datetime(2026, 1, 1, tzinfo=UTC)
    heard = Alarm(status=Status.FIRING, received_at=now, occurred_at=now, policy_name=value)
    assert [choice.route.name for choice in tree.choose(heard, State.TRIGGERED) if choice.route] == ["1"]


def test_variables_of_a_route_keep_their_types(write):
    text = (
        SMALL
        + "routes: [{channels: [here], vars: {n: 1, f: 1.5, h: 0x10, t: true, z: null, s: 'no', l: [1, {a: b}]}}]\n"
    )
    assert write(text).routes.all[0].vars == {
        "n": 1,
        "f": 1.5,
        "h": 16,
        "t": True,
        "z": None,
        "s": "no",
        "l": [1, {"a": "b"}],
    }


def test_an_anchor_may_be_used_where_no_match_is(write):
    text = SMALL.replace("default_channels: [here]", "default_channels: &all [here]") + "routes: [{channels: *all}]\n"
    assert write(text).routes.all[0].channels == ("here",)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("sqlite:///alarms.db", "{base}/alarms.db"),
        ("sqlite:///data/alarms.db", "{base}/data/alarms.db"),
        ("sqlite:////var/lib/bridge/alarms.db", "/var/lib/bridge/alarms.db"),
        ("${STORE:-sqlite:///x.db}", "{base}/x.db"),
    ],
)
def test_the_store_is_a_file_relative_to_the_config(write, tmp_path, written, path):
    assert write(f"{SMALL}store: {written}\n").store == Path(path.format(base=tmp_path))


def test_paths_are_relative_to_the_config_whatever_the_working_directory_is(tmp_path, monkeypatch):
    (tmp_path / "a" / "own").mkdir(parents=True)
    (tmp_path / "a" / "config.yaml").write_text(SMALL + "templates: own\n")
    monkeypatch.chdir(tmp_path)
    config = load(Path("a/config.yaml"), {}).config
    assert config.templates == tmp_path / "a" / "own"
    assert config.store == tmp_path / "a" / "alarm-bridge.db"


def test_a_directory_named_templates_beside_the_config_is_used_unasked(write, tmp_path):
    (tmp_path / "templates").mkdir()
    assert write(SMALL).templates == tmp_path / "templates"


def test_a_channel_has_the_top_levels_language_and_time_zone_unless_it_has_its_own(write):
    text = SMALL.replace(
        "default_channels", "  own:\n    type: terminal\n    language: en\n    timezone: UTC\ndefault_channels"
    )
    config = write(text.replace("[here]", "[here, own]") + "language: zh\ntimezone: Asia/Tokyo\n")
    assert (config.channels["here"].language, config.channels["here"].timezone) == ("zh", None)
    assert (config.channels["own"].language, config.channels["own"].timezone) == ("en", ZoneInfo("UTC"))


def test_channels_take_what_their_kind_has(write):
    channel = write(
        with_channel("    on_repeat: []\n    give_up_after: 1h30m\n    timeout: 2\n    rate: 60/min\n")
    ).channels["here"]
    assert (channel.on_repeat, channel.on_recovered) == ((), (Step.POST,))
    assert (channel.give_up_after, channel.timeout, channel.rate) == (timedelta(minutes=90), timedelta(seconds=2), 1.0)


def test_a_section_that_is_empty_counts_as_absent(write):
    loaded = write(SMALL + "routes:\nconsole:\nlanguage:\n", warnings=True)
    assert (loaded.config.routes.all, loaded.config.language, loaded.warnings) == ((), "en", ())


def test_every_secret_is_collected_for_redaction(write):
    text = with_channel(
        "    proxy: http://me:proxy%40pass@proxy.example.com:3128\n"
        "    headers: {X-Team: ops, Authorization: Bearer 12345678}\n    secret: whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0\n"
    ).replace("https://example.com/hook", "https://example.com/v1/0123456789abcdefXYZ?key=querykey1&n=1")
    text = text.replace(
        "auth: off", "verification_code: code1\n  auth: {tokens: [tok1], basic: [{username: u, password: pw1}]}"
    )
    assert write(text).secrets == {
        "code1",
        "tok1",
        "pw1",
        "https://example.com/v1/0123456789abcdefXYZ?key=querykey1&n=1",
        "http://me:proxy%40pass@proxy.example.com:3128",
        "Bearer 12345678",
        "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
    }


def test_no_secret_is_in_a_dump_of_the_config(write):
    text = with_channel("    headers: {Authorization: MARKED-header}\n    proxy: http://me:MARKED-proxy@x\n").replace(
        "auth: off",
        "verification_code: MARKED-code\n  auth: {tokens: [MARKED-token], basic: [{username: u, password: MARKED}]}",
    )
    config = write(text.replace("example.com/hook", "example.com/MARKED-url"))
    dumps = [
        repr(config),
        str(config),
        *(settings.model_dump_json() for settings in (config.server, *config.channels.values())),
    ]
    assert not any("MARKED" in dump for dump in dumps)
    assert any("MARKED" in secret for secret in config.secrets)
    assert f"{Secret('x')}" == "<secret>"


WORDS = [
    "server",
    "auth",
    "off",
    "channels",
    "here",
    "type",
    "terminal",
    "routes",
    "match",
    "[",
    "]",
    "{",
    "}",
    ":",
    "-",
    ",",
]
SIGNS = [
    "!",
    "*",
    "&",
    "|",
    ">",
    "%",
    "@",
    "`",
    "'",
    '"',
    "#",
    "~",
    "${",
    "$${",
    "?",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "\t",
    "\x00",
    "é",
]


@given(st.lists(st.sampled_from([*WORDS, *SIGNS]), max_size=25).map("".join))
@settings(max_examples=300, deadline=None, derandomize=True)
@example("{}")
@example("server: {auth: {tokens: [{file: {}}]}}")
@example("channels: {a: {type: [], fallback: {}}}")
@example("routes: [{name: [], match: [], channels: {}, routes: {}}]")
@example("routes: [[], 1, {match: {a: {b: c}}}]")
@example("default_channels: [[], {}]")
@example("console: {listen: [], auth: []}")
@example("channels: {a: {type: webhook, url: {file: }, headers: [], secret: {}}}")
def test_no_text_makes_anything_but_a_config_error(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("any") / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        load(file, {})
    assert all(line.startswith(str(file)) for line in str(wrong.value).splitlines())


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_text_makes_the_parser_fail_but_with_a_mistake(text):
    root, mistakes = parse(text.encode("utf-8", "replace").decode())
    assert (
        root is not None or mistakes or not text.strip() or text.lstrip().startswith(("#", "---", "...", "\ufeff", "%"))
    )


def test_a_problem_is_one_line_whatever_stands_in_its_path():
    problem = Problem(file="a  b.yaml", line=1, column=2, path="channels.x\n y\u2028z", text="is wrong")
    assert str(problem) == "a  b.yaml:1:2: channels.x y z: is wrong"
