"""Which texts make up a configuration: includes, CSV files, stored texts, and what cannot be read."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daemon.config import Config, ConfigError, load, parse
from rules.patterns import Patterns
from rules.types.levels import Floor, Tier
from rules.types.low_balance import LowBalance

SECRETS = 'api_key = { env = "KEY" }\napi_secret = { env = "SECRET" }\n'
BINANCE = f'[[exchange]]\nname = "binance-main"\nkind = "binance"\n{SECRETS}'
AMOUNT = 'write a number, or digits in quotes, as in 50_000 or "50000.25"'
ELSEWHERE = "allowed: rule, silence, allow, expect"
APART = "names differ by more than upper and lower case"
ONCALL = '[[notifier]]\nname = "oncall"\nurl = { env = "URL" }\n'


def config_of(text: str, folder: Path = Path("/etc/subtally"), **others: str) -> Config:
    return parse((("rules.toml", text), *others.items()), folder)


def low(name: str, below: str = "5") -> str:
    return f'[[rule]]\nname = "{name}"\ntype = "low_balance"\nbelow = {below}\n'


def allow(name: str) -> str:
    return f'[[allow]]\nname = "{name}"\nfield = "frozen"\nup_to = 5\nreason = "a loan"\n'


def silence(name: str) -> str:
    text = 'rule = "*"\nuntil = 2030-12-31T18:00:00Z\nreason = "upgrade"\nby = "kim"\n'
    return f'[[silence]]\nname = "{name}"\n{text}'


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_toml", ".toml").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return folder / "rules.toml"


def test_includes_come_after_the_main_file_each_once_and_sorted(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        rules_toml='include = ["z.toml", "rules.d/*.toml", "./rules.d/../z.toml", "*.toml"]\n' + low("main"),
        z_toml=low("z"),
        rules__d__b_toml="",
    )
    (tmp_path / "rules.d").mkdir()
    for name in "cab":
        (tmp_path / "rules.d" / f"{name}.toml").write_text(low(name))
    (tmp_path / "rules.d" / ".hidden.toml").write_text("not TOML")
    ruleset = load(main).ruleset
    assert [rule.name for rule in ruleset.rules] == ["main", "z", "a", "b", "c"]
    assert [name for name, _ in ruleset.sources] == [
        "rules.toml",
        "z.toml",
        "rules.d/a.toml",
        "rules.d/b.toml",
        "rules.d/c.toml",
    ]


def test_sources_are_the_texts_exactly_as_read(tmp_path: Path) -> None:
    text = "# Grüße\r\n" + low("r").replace("\n", "\r\n")
    assert load(write(tmp_path, rules_toml=text)).ruleset.sources == (("rules.toml", text),)


def test_the_digest_names_names_and_texts(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        return load(write(tmp_path, **files)).ruleset.digest

    first = digest(rules_toml='include = ["*.toml"]\n', a_toml=low("a"))
    assert len(first) == 64
    assert digest(rules_toml='include = ["*.toml"]\n', a_toml=low("a")) == first
    assert digest(rules_toml='include = ["*.toml"]\n', a_toml=low("b")) != first


def test_stored_texts_give_the_same_ruleset_without_any_file(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        rules_toml='include = ["more.toml"]\n' + BINANCE + ONCALL,
        more_toml='[[rule]]\nname = "r"\ntype = "low_balance"\nbelow_by = "floors.csv"\n',
        floors_csv="account,below\nmm-1,50000\nmm-*,20000.5\n",
    )
    loaded = load(main)
    for path in tmp_path.iterdir():
        path.unlink()
    assert parse(loaded.ruleset.sources, tmp_path).ruleset == loaded.ruleset
    assert parse(loaded.ruleset.sources, tmp_path).exchanges == loaded.exchanges


def test_included_files_hold_what_is_told_and_declared_only() -> None:
    more = "include = []\n[daemon]\n" + BINANCE + ONCALL + "[[books]]\n" + low("r")
    with pytest.raises(ConfigError) as caught:
        parse((("rules.toml", ""), ("more.toml", more)), Path())
    assert [str(problem) for problem in caught.value.problems] == [
        "more.toml:1:1: include: only the main file may hold this; " + ELSEWHERE,
        "more.toml:2:2: daemon: only the main file may hold this; " + ELSEWHERE,
        "more.toml:3:3: exchange: only the main file may hold this; " + ELSEWHERE,
        "more.toml:8:3: notifier: only the main file may hold this; " + ELSEWHERE,
        "more.toml:11:3: books: only the main file may hold this; " + ELSEWHERE,
    ]


def test_included_files_bring_allows_and_silences_after_those_of_the_main_file() -> None:
    main = allow("a") + silence("s")
    more = silence("t") + allow("b")
    ruleset = parse((("rules.toml", main), ("more.toml", more)), Path()).ruleset
    assert [one.name for one in ruleset.allows] == ["a", "b"]
    assert [one.id for one in ruleset.silences] == ["s", "t"]


def test_names_of_allows_and_silences_are_told_apart_across_files() -> None:
    with pytest.raises(ConfigError) as caught:
        parse((("rules.toml", silence("a") + allow("a")), ("more.toml", allow("A") + silence("A"))), Path())
    assert [str(problem) for problem in caught.value.problems] == [
        f'more.toml:2:8: allow "A": name: "A" is already the name at rules.toml:8; {APART}',
        f'more.toml:7:8: silence "A": name: "A" is already the name at rules.toml:2; {APART}',
    ]


def test_problems_of_all_files_come_at_once_and_names_are_told_apart_across_files(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        rules_toml='include = ["a.toml", "b.toml", "missing.toml", "broken.toml"]\n' + low("one"),
        a_toml=low("One"),
        b_toml=low("two", '"x"'),
        broken_toml="[[rule]\n",
    )
    with pytest.raises(ConfigError) as caught:
        load(main)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        'rules.toml:1:32: include: "missing.toml": there is no such file',
        "broken.toml:1:7: this is not valid TOML",
        'a.toml:2:8: rule "One": name: "One" is already the name at rules.toml:3; ' + APART,
        'b.toml:4:9: rule "two": below: "x" is not an amount; ' + AMOUNT,
    ]


@pytest.mark.parametrize(
    "prepare, said",
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "is a folder, not a file"),
        (lambda path: path.write_bytes(b"a = 1\nb = '\xff'\n"), "is not UTF-8 text (line 2)"),
        (lambda path: path.write_bytes(b"#" * (4 * 1024 * 1024 + 1)), "is larger than 4 MiB"),
        (
            lambda path: path.write_bytes(b"a = \0"),
            "there is no valid value here: text stands in quotes, as in",
        ),
        (lambda path: path.write_bytes(b"a = " + b"[" * 100_000), "lists and tables are nested too deeply"),
        (lambda path: path.write_bytes(b"a = " + b"1" * 5000), "holds a number that is too long"),
        (lambda path: path.write_bytes(b"[daemon]\nnotify = [1\n"), 'a list is not closed with "]"'),
    ],
)
def test_an_unusable_main_file_is_one_clear_problem(tmp_path: Path, prepare: Any, said: str) -> None:
    path = tmp_path / "rules.toml"
    prepare(path)
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.file == str(path)
    assert problem.message.startswith(said)


def test_too_many_includes_are_refused(tmp_path: Path) -> None:
    main = write(tmp_path, rules_toml='include = ["many/*.toml"]\n')
    (tmp_path / "many").mkdir()
    for index in range(1001):
        (tmp_path / "many" / f"{index}.toml").touch()
    with pytest.raises(ConfigError, match="means 1001 files; at most 1000"):
        load(main)


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    assert (
        load(write(tmp_path, rules_toml="\ufeff" + low("r").replace("\n", "\r\n"))).ruleset.rules[0].name
        == "r"
    )


def test_floors_come_from_a_csv_file() -> None:
    text = '[[rule]]\nname = "r"\ntype = "low_balance"\nbelow_by = "./floors.csv"\n'
    config = config_of(text, **{"floors.csv": '\ufeffaccount,below\r\n"mm-1, x",50000.25\r\n\r\nmm-*,2\r\n'})
    assert config.ruleset.rules[0].spec == LowBalance(
        floors=(
            Floor(Patterns(("mm-1, x",)), (Tier(Decimal("50000.25")),)),
            Floor(Patterns(("mm-*",)), (Tier(Decimal(2)),)),
        )
    )


@pytest.mark.parametrize(
    "csv, expected",
    [
        ("", ["floors.csv:1: the first line must be account,below"]),
        ("account;below\n", ["floors.csv:1: the first line must be account,below"]),
        (
            "account,below\nmm-1\nmm-2,x\n!mm-3,5\n,5\nmm-4,5\nMM-4,6\nmm-5,5,6\n",
            [
                "floors.csv:2: must have two columns: account,below",
                'floors.csv:3: "x" is not an amount; ' + AMOUNT,
                "floors.csv:4: an exclusion has no amount of its own",
                'floors.csv:5: "" is not a pattern; as in "mm-*"; a leading ! excludes',
                'floors.csv:7: "MM-4" was already given a floor above',
                "floors.csv:8: must have two columns: account,below",
            ],
        ),
        ('account,below\n"mm-1,5\n', ["floors.csv:2: must have two columns: account,below"]),
    ],
)
def test_a_wrong_csv_file_is_refused_line_by_line(csv: str, expected: list[str]) -> None:
    text = '[[rule]]\nname = "r"\ntype = "low_balance"\nbelow_by = "floors.csv"\n'
    with pytest.raises(ConfigError) as caught:
        config_of(text, **{"floors.csv": csv})
    assert [str(problem) for problem in caught.value.problems] == expected
