import logging
import subprocess
import sys

import pytest

from notifiers.address import REDACTED, Redactor, printable, schema_of
from notifiers.service import check_url

TOKEN = "123456789:AAEabcdefg_hijklmnopqrstuvwxyzABCDE"


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1:8080/path",
        "jsons://user:password@example.com/",
        "slack://T0ABCDEFG/B0ABCDEFG/abcdefghijklmnopqrstuvwx",
        f"tgram://{TOKEN}/-1001",
        f"tgram://{TOKEN}/-1001?format=html",
        "mailtos://user:password@example.com?to=a@example.com",
        "  json://127.0.0.1/\n",
        "json://127.0.0.1/?optional=no&retry=0",
    ],
)
def test_a_url_of_one_chat_is_taken(url: str) -> None:
    assert check_url(url) is None


@pytest.mark.parametrize(
    "url,reason",
    [
        ("", "not an Apprise URL"),
        ("https//x", "not an Apprise URL"),
        ("nope://x", "no service is known as nope://"),
        (
            "slack://",
            "the slack:// URL is not complete or not well formed: An invalid Slack Token was specified.",
        ),
        (f"tgram://{TOKEN}", "names no chat"),
        (f"tgram://{TOKEN}/", "names no chat"),
        (f"tgram://{TOKEN}/-1001/-1002", "names 2 targets: one URL is one chat"),
        ("slack://xoxb-1234-1234-abcdefgh/#a/#b", "names 2 targets"),
        ("mailtos://u:p@example.com?to=a@example.com,b@example.com", "names 2 targets"),
        ("json://127.0.0.1?optional=yes", "a failed send would count as delivered"),
        ("json://127.0.0.1?Optional=TRUE", "a failed send would count as delivered"),
        ("json://127.0.0.1?retry=3", "Subtally repeats sends itself"),
        (f"tgram://{TOKEN}/-1001?format=markdown", "account labels would be read as markup"),
        ("slack://T0ABCDEFG/B0ABCDEFG/abcdefghijklmnopqrstuvwx?format=markdown", "read as markup"),
        ("json://127.0.0.1, json://127.0.0.2", "not complete or not well formed"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_reason(url: str, reason: str) -> None:
    assert reason in (check_url(url) or "")


@pytest.mark.parametrize(
    "url",
    [
        "slack://TSENTINEL/BSENTINEL/SENTINEL!!",
        "tgram://SENTINELSENTINEL/12",
        "tgram://123456789:SENTINEL/12?format=markdown",
        "discord://SENTINEL",
        "mailtos://SENTINEL:SENTINEL@",
        "nope://SENTINEL",
        "SENTINEL",
        "pover://SENTINEL",
        "twilio://SENTINEL:SENTINEL@SENTINEL",
        "json://SENTINEL:SENTINEL@127.0.0.1?optional=yes&+k=SENTINEL",
    ],
)
def test_law_12_a_refusal_shows_nothing_of_the_url(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reason = check_url(url)
    assert reason is not None
    assert "SENTINEL" not in reason + caplog.text


@pytest.mark.parametrize(
    "url,public,shown",
    [
        ("json://user:pw@example.com:8080/hook?x=y", True, "json://example.com:8080/…"),
        ("json://[::1]:8080/hook", True, "json://[::1]:8080/…"),
        ("slack://T0ABCDEFG/B0ABCDEFG/token", False, "slack://…"),
        (f"tgram://{TOKEN}/-1001", True, "tgram://…"),
        ("json://[broken/", True, "json://…"),
        ("nothing", True, "?://…"),
    ],
)
def test_of_a_url_only_service_and_host_are_printed(url: str, *, public: bool, shown: str) -> None:
    assert printable(url, host_is_public=public) == shown


def test_a_redactor_knows_quoted_and_unquoted_pieces() -> None:
    clean = Redactor("json://us%65r1:p%40ssword@example.com/a/hook-1?+Key=v%61lue1").clean
    for secret in ("user1", "us%65r1", "p@ssword", "p%40ssword", "P@SSWORD", "hook-1", "value1"):
        assert secret not in clean(f"x {secret} y")
    assert clean("at example.com: error=500") == "at example.com: error=500"
    assert clean("hook-1") == REDACTED


def test_a_redactor_does_not_show_its_secrets() -> None:
    assert "token" not in repr(Redactor("json://example.com/token"))


def test_the_schema_is_told_in_small_letters() -> None:
    assert [schema_of(url) for url in (" JSONS://x", "x", "://")] == ["jsons", "", ""]


def test_a_url_is_checked_without_what_sends_and_words() -> None:
    program = (
        "import sys, notifiers.urls as urls\n"
        "print(urls.check_url('alertmanager://am.example'), 'apprise' in sys.modules)\n"
        "print(urls.check_url('json://127.0.0.1/'))\n"
        "print(sorted({'jinja2', 'aiohttp', 'notifiers.way'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\nNone\n[]\n"


def test_apprise_is_loaded_only_when_it_is_needed() -> None:
    program = "import sys, notifiers.sending, notifiers.wording; print('apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
