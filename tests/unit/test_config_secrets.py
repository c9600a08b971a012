"""Secrets are references: how they are read, how their absence is told, and that no value is ever shown."""

from pathlib import Path

import pytest

from daemon.config import Config, ConfigError, Problem, Secret, SecretError, load, parse
from daemon.config.secret import SecretKind
from daemon.config.wording import shown

VALUE = "s3cr3t-value"
LITERALS = {
    "daemon": f'[daemon]\napi_token = "{VALUE}"\n',
    "heartbeat": f'[daemon]\nheartbeat_url = "https://hc.example/{VALUE}"\n',
    "heartbeat in a table": f'[daemon]\nheartbeat_url = {{ url = "https://hc.example/{VALUE}" }}\n',
    "exchange key": f'[[exchange]]\nname = "x"\nkind = "okx"\napi_key = "{VALUE}"\n',
    "exchange secret": f"[[exchange]]\nname = 'x'\nkind = 'nonsense'\napi_secret = '{VALUE}'\n",
    "exchange passphrase": f'[[exchange]]\nname = "x"\nkind = "bitget"\npassphrase = """{VALUE}"""\n',
    "in a list": f'[[exchange]]\nname = "x"\nkind = "bitget"\npassphrase = ["{VALUE}"]\n',
    "in a table": f'[[exchange]]\nname = "x"\nkind = "bitget"\npassphrase = {{ value = "{VALUE}" }}\n',
    "dotted": f'[[exchange]]\nname = "x"\nkind = "bitget"\npassphrase.env.value = "{VALUE}"\n',
    "as the name of a variable": f'[[exchange]]\nname = "x"\nkind = "okx"\napi_key = {{ env = "{VALUE}" }}\n',
    "as a path": f'[[exchange]]\nname = "x"\nkind = "okx"\napi_key = {{ file = "{VALUE}\\n" }}\n',
    "notifier": f'[[notifier]]\nname = "x"\nurl = "tgram://{VALUE}/5"\n',
    "misspelt": f'[[exchange]]\nname = "x"\nkind = "okx"\napi_secrt = "{VALUE}"\n',
    "in a URL": f'[[exchange]]\nname = "x"\nkind = "okx"\nbase_url = "https://u:{VALUE}@www.okx.com"\n',
    "in notify": f'[daemon]\nnotify = ["slack://{VALUE}/b/c"]\n',
    "unclosed": f'[[exchange]]\napi_key = "{VALUE}\n',
    "bare": f"[[exchange]]\napi_key = {VALUE}\n",
}


@pytest.mark.parametrize("place", LITERALS)
def test_law_12_a_literal_secret_is_refused_and_never_shown(place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse((("rules.toml", LITERALS[place]),), Path())
    assert VALUE not in str(caught.value)
    assert VALUE not in repr(caught.value.problems)


def secret(kind: SecretKind, name: str, folder: Path = Path()) -> Secret:
    return Secret(kind, name, 'exchange "x": api_key', ("exchange", 0, "api_key"), folder)


@pytest.mark.parametrize(
    "written, value",
    [
        ("abc", "abc"),
        ("abc\n", "abc"),
        ("abc\r\n", "abc"),
        ("abc\n\n", "abc\n"),
        (" a b ", " a b "),
        ("ключ", "ключ"),
    ],
)
def test_a_secret_loses_one_newline_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, value: str
) -> None:
    (tmp_path / "key").write_text(written, newline="")
    monkeypatch.setenv("SUBTALLY_TEST_KEY", written)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert secret("file", "key", tmp_path).resolve() == value
    assert secret("file", str(tmp_path / "key")).resolve() == value
    assert secret("env", "SUBTALLY_TEST_KEY").resolve() == value
    assert secret("credential", "key").resolve() == value


def reason(wanted: Secret) -> str:
    with pytest.raises(SecretError) as caught:
        wanted.resolve()
    return str(caught.value)


def test_an_absent_secret_is_told_by_key_and_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUBTALLY_TEST_KEY", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    start = 'exchange "x": api_key: '
    assert reason(secret("env", "SUBTALLY_TEST_KEY")) == (
        f'{start}{{ env = "SUBTALLY_TEST_KEY" }}: this environment variable is not set'
    )
    assert reason(secret("file", "key", tmp_path)) == f'{start}{{ file = "key" }}: there is no such file'
    assert reason(secret("file", ".", tmp_path)) == f'{start}{{ file = "." }}: is not a regular file'
    assert reason(secret("credential", "key")) == (
        f'{start}{{ credential = "key" }}: there is no $CREDENTIALS_DIRECTORY: systemd sets it for a unit with '
        "LoadCredential="
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert reason(secret("credential", "key")) == f'{start}{{ credential = "key" }}: there is no such file'


@pytest.mark.parametrize(
    "raw, said",
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe s3cr3t-value", "is not UTF-8 text"),
        (b"s" * 70_000, "is longer than 65536 bytes"),
    ],
)
def test_an_unusable_secret_is_told_without_its_value(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "key").write_bytes(raw)
    with pytest.raises(SecretError) as caught:
        secret("file", "key", tmp_path).resolve()
    assert caught.value.reason == said
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_secret_whose_file_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert reason(secret("file", "x" * 300, tmp_path)).endswith(
        '{ file = "***" }: cannot be read: File name too long'
    )


def test_a_reference_that_looks_like_a_key_itself_is_masked() -> None:
    key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    assert (
        reason(secret("env", key))
        == 'exchange "x": api_key: { env = "***" }: this environment variable is not set'
    )


def config(folder: Path) -> Config:
    path = folder / "rules.toml"
    path.write_text(
        '[[exchange]]\nname = "x"\nkind = "okx"\napi_key = { file = "key" }\n'
        'api_secret = { env = "SUBTALLY_TEST_SECRET" }\n'
        'passphrase = { file = "pass" }\n[[notifier]]\nname = "n"\nurl = { file = "url" }\n'
    )
    return load(path)


def test_missing_secrets_are_all_told_at_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBTALLY_TEST_SECRET", "x")
    (tmp_path / "pass").write_text("\n")
    file = str(tmp_path / "rules.toml")
    assert config(tmp_path).missing_secrets() == [
        Problem(file, 4, 11, 27, 'exchange "x": api_key', '{ file = "key" }: there is no such file'),
        Problem(file, 6, 14, 31, 'exchange "x": passphrase', '{ file = "pass" }: is empty'),
        Problem(file, 9, 7, 23, 'notifier "n": url', '{ file = "url" }: there is no such file'),
    ]


def test_no_secret_is_missing_once_all_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBTALLY_TEST_SECRET", VALUE)
    for name in ("key", "pass", "url"):
        (tmp_path / name).write_text(VALUE)
    accepted = config(tmp_path)
    assert accepted.missing_secrets() == []
    assert [found.resolve() for found in accepted.secrets()] == [VALUE] * 4
    assert VALUE not in repr(accepted)


def test_the_heartbeat_is_a_secret_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[daemon]\napi_token = { file = "token" }\nheartbeat_url = { file = "url" }\n')
    accepted = load(path)
    heartbeat = Secret("file", "url", "daemon: heartbeat_url", ("daemon", "heartbeat_url"), tmp_path)
    assert accepted.daemon.heartbeat_url == heartbeat
    assert [found.name for found in accepted.secrets()] == ["url", "token"]
    (tmp_path / "token").write_text(VALUE)
    assert accepted.missing_secrets() == [
        Problem(str(path), 3, 17, 33, "daemon: heartbeat_url", '{ file = "url" }: there is no such file')
    ]


@pytest.mark.timeout(20)
def test_what_was_written_is_shown_bounded_and_in_time_however_long_it_is() -> None:
    assert shown("x" * 500_000) == '"***"'
    assert shown("x-" * 250_000) == '"' + "x-" * 30 + '…"'
    assert shown("what was meant " * 20 + "https://x/token") == '"' + ("what was meant " * 20)[:60] + '…***"'
    assert shown("9https://x/token") == '"9https://***"'


def test_law_12_a_key_before_an_address_is_masked_too() -> None:
    assert shown("Ab1" * 11 + " https://x/token") == '"***"'
