"""The settings of channels: what they take, what they refuse and in which words."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bridge.channels import KINDS
from bridge.message import Step

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GOOD = {
    "terminal": {},
    "webhook": {"url": "https://tickets.example.com/alarms"},
    "slack_webhook": {"url": "https://hooks.slack.com/services/T0/B0/x"},
    "slack": {"token": "xoxb-1", "channel": "#ops"},
}


def settings_of(kind: str, **given):
    return KINDS[kind].settings.model_validate({"type": kind, **GOOD[kind], **given})


def complaint(kind: str, **given) -> str:
    with pytest.raises(ValidationError) as caught:
        settings_of(kind, **given)
    (error,) = caught.value.errors()
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("kind", "on_repeat", "on_recovered", "rate", "digest_over"),
    [
        ("slack", (Step.UPDATE,), (Step.UPDATE, Step.THREAD), 1.0, 20),
        ("slack_webhook", (), (Step.POST,), 1.0, 20),
        ("webhook", (Step.POST,), (Step.POST,), None, 0),
        ("terminal", (Step.POST,), (Step.POST,), None, 0),
    ],
)
def test_each_kind_has_the_defaults_of_the_contract(kind, on_repeat, on_recovered, rate, digest_over):
    settings = settings_of(kind)
    assert (settings.on_repeat, settings.on_recovered, settings.rate) == (on_repeat, on_recovered, rate)
    assert settings.digest_over == digest_over
    assert (settings.timeout, settings.give_up_after) == (timedelta(seconds=10), timedelta(hours=24))


@pytest.mark.parametrize(
    ("kind", "steps", "formats", "dialect", "chat", "idempotent"),
    [
        ("slack", set(Step) - {Step.REST}, ("slack.json", "mrkdwn"), "slack", True, False),
        ("slack_webhook", {Step.POST}, ("slack.json", "mrkdwn"), "slack", True, False),
        ("webhook", {Step.POST}, ("json", "txt"), "json", False, True),
        ("terminal", {Step.POST}, ("txt",), "terminal", False, True),
    ],
)
def test_each_kind_says_what_it_can_do(kind, steps, formats, dialect, chat, idempotent):
    known = KINDS[kind]
    assert known.steps == steps
    assert known.formats == formats
    assert (known.dialect, known.chat, known.idempotent) == (dialect, chat, idempotent)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_key_that_nobody_knows_is_refused(kind):
    assert complaint(kind, colour="red") == "Extra inputs are not permitted"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": "ftp://x/SECRET"}, "must be a URL that begins with https:// or http://"),
        ({"url": "tickets.example.com/SECRET"}, "must be a URL that begins with https:// or http://"),
        ({"url": "https://"}, "must be a URL with a host"),
        ({"url": "https:///SECRET"}, "must be a URL with a host"),
        ({"url": "https://host:99999/SECRET"}, "must be a URL with a valid host and port"),
        ({"url": "https://[SECRET/x"}, "must be a URL with a valid host and port"),
        ({"url": "https://host/a SECRET"}, "must be a URL without blanks, letters outside ASCII written as %-escapes"),
        ({"url": "https://host/SECRET\n"}, "must be a URL without blanks, letters outside ASCII written as %-escapes"),
        ({"url": "https://host/SECRETé"}, "must be a URL without blanks, letters outside ASCII written as %-escapes"),
        ({"method": "GET"}, "Input should be 'POST', 'PUT' or 'PATCH'"),
        ({"headers": {"X Y": "SECRET"}}, "must be the name of a header: letters, digits and hyphens"),
        ({"headers": {"X-Y\r\n": "SECRET"}}, "must be the name of a header: letters, digits and hyphens"),
        ({"headers": {"Host": "SECRET"}}, "is a header that the bridge sets itself"),
        ({"headers": {"content-length": "SECRET"}}, "is a header that the bridge sets itself"),
        ({"headers": {"Webhook-Signature": "SECRET"}}, "is a header that the bridge sets itself"),
        ({"headers": {"Idempotency-Key": "SECRET"}}, "is a header that the bridge sets itself"),
        (
            {"headers": {"X-A": "SECRET\r\nX-B: 1"}},
            "must be a text without line breaks, control characters and blanks at its ends",
        ),
        (
            {"headers": {"X-A": " SECRET"}},
            "must be a text without line breaks, control characters and blanks at its ends",
        ),
        ({"headers": {"X-A": 5}}, "must be a text, or {file: PATH}"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "names a header twice: upper and lower case are the same"),
        (
            {"url": "https://u:SECRET@host/", "headers": {"authorization": "SECRET"}},
            "has credentials in `url` and an Authorization header: only one of them can be sent",
        ),
        ({"secret": "SECRET"}, 'must begin with "whsec_"; echo "whsec_$(openssl rand -base64 32)" makes one'),
        ({"secret": "whsec_SECRET!"}, 'must be "whsec_" and base64; echo "whsec_$(openssl rand -base64 32)" makes one'),
        ({"secret": "whsec_SECRETä"}, 'must be "whsec_" and base64; echo "whsec_$(openssl rand -base64 32)" makes one'),
        (
            {"secret": "whsec_AAAA"},
            'must hold a key of 24 to 64 bytes; echo "whsec_$(openssl rand -base64 32)" makes one',
        ),
        (
            {"secret": [SECRET, "whsec_" + "A" * 88]},
            'must hold a key of 24 to 64 bytes; echo "whsec_$(openssl rand -base64 32)" makes one',
        ),
        (
            {"proxy": "socks5://SECRET@proxy:1080"},
            "must be the URL of an HTTP proxy that begins with https:// or http://",
        ),
    ],
)
def test_a_webhook_refuses_mistakes_in_words_that_do_not_repeat_them(given, words):
    said = complaint("webhook", **given)
    assert said == words
    assert "SECRET" not in said


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (
            "slack_webhook",
            {"url": "https://hooks.slack.com/triggers/T0/1/SECRET"},
            "is the URL of a workflow, which takes no messages: an incoming webhook is needed",
        ),
        ("slack", {"token": "xapp-1-SECRET"}, 'must be a bot token ("xoxb-…"), not an app-level token'),
        ("slack", {"token": "xoxb SECRET"}, "must be a token without blanks"),
        (
            "slack",
            {"channel": None},
            'must be a channel such as "#ops" (quoted: # begins a comment in YAML) or "C0123456789"',
        ),
        (
            "slack",
            {"channel": ""},
            'must be a channel such as "#ops" (quoted: # begins a comment in YAML) or "C0123456789"',
        ),
        ("slack", {"api_url": "slack.com/api"}, "must be a URL that begins with https:// or http://"),
        ("slack", {"api_url": 5}, "must be a URL"),
    ],
)
def test_slack_refuses_mistakes_in_words_that_do_not_repeat_them(kind, given, words):
    said = complaint(kind, **given)
    assert said == words
    assert "SECRET" not in said


def test_a_webhook_takes_one_secret_or_a_list():
    assert len(settings_of("webhook", secret=SECRET).secret) == 1
    assert len(settings_of("webhook", secret=[SECRET, SECRET]).secret) == 2


def test_a_method_may_be_written_in_lower_case():
    assert settings_of("webhook", method="put").method == "PUT"


@pytest.mark.parametrize("off", ["off", "Off", "false", False])
def test_a_proxy_may_be_off(off):
    assert settings_of("webhook", proxy=off).proxy.reveal() == "off"


def test_an_api_url_ends_with_a_slash_whether_written_or_not():
    assert settings_of("slack", api_url="http://127.0.0.1:1/api").api_url == "http://127.0.0.1:1/api/"
    assert settings_of("slack").api_url == "https://slack.com/api/"


def test_a_token_may_have_a_line_break_at_its_end_as_files_do():
    assert settings_of("slack", token="xoxb-1\n").token.reveal() == "xoxb-1"


def test_no_settings_show_a_secret_when_printed_or_dumped():
    settings = settings_of(
        "webhook",
        url="https://u:SECRETpw@host/SECRETpath",
        headers={"X-A": "SECRETvalue"},
        secret=SECRET,
        proxy="http://u:SECRETproxy@proxy",
    )
    shown = repr(settings) + str(settings) + str(settings.model_dump()) + settings.model_dump_json()
    assert "SECRET" not in shown
    assert "MfKQ9r8" not in shown
