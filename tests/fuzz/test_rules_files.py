"""Whatever stands in a rules file, it is accepted or refused with the place of each error: no crash, no hang."""

from __future__ import annotations

import tomllib
import tracemalloc
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, note

from daemon.config import Config, ConfigError, load
from tests.fuzz.profile import fuzzed

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "rules.example.toml").read_text(encoding="utf-8")
MEMORY_MOST = 400 << 20

VALUES = st.sampled_from(
    [
        "nan",
        "inf",
        "-inf",
        "1e999999",
        "1e-999999",
        "-0.0",
        "9" * 5_000,
        "0x" + "f" * 5_000,
        "[]",
        "{}",
        '""',
        '"\\u0000"',
        '"\\U0010FFFF"',
        "'''" + "x" * 200_000 + "'''",
        "[" * 600 + "]" * 600,
        "{a=" * 600 + "1" + "}" * 600,
        "[" + '"mm-*",' * 10_000 + "]",
        "[" + '"' + "*a" * 200 + '",' * 50 + "]",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        "true",
        '"99999999999999999999d"',
        '"1h1h"',
        '"0s"',
        '"' + "*[!" * 500 + '"',
        '{ env = "NO SUCH" }',
        '{ file = "\\u0000" }',
        '{ file = "../../../../../../dev/zero" }',
        "{ " + ", ".join(f'"k{n}" = {n}' for n in range(2_000)) + " }",
    ]
)
LINES = st.sampled_from(
    [
        "include = ['*.toml']",
        "include = ['/dev/zero', '/proc/self/mem', '.', '..', '**/**/**/*.toml']",
        "[[rule]]",
        "[rule]",
        "[[exchange]]",
        "[[notifier]]",
        "[[silence]]",
        "[[allow]]",
        "[daemon]",
        "[a" + ".a" * 2_000 + "]",
        "a" + ".a" * 2_000 + " = 1",
        "\x00",
        "\ufeff",
        "\r",
        "]",
        '"""',
    ]
)


@st.composite
def mutated_files(draw: st.DrawFn) -> bytes:
    """The example with some of its lines changed, lost, doubled or followed by something else."""
    lines = EXAMPLE.splitlines()
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["value", "value", "value", "drop", "double", "line", "move"]))
        key, equals, _ = lines[at].partition("=")
        if what == "value" and equals:
            lines[at] = f"{key}= {draw(VALUES)}"
        elif what == "drop":
            del lines[at]
        elif what == "double":
            lines.insert(at, lines[at])
        elif what == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines[at])
        else:
            lines.insert(at, draw(LINES))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def refused_or_taken(file: Path, text: bytes) -> Config | ConfigError:
    """The outcome, after every law of an outcome was held."""
    file.write_bytes(text)
    try:
        return load(file)
    except ConfigError as error:
        refusal = error
    assert refusal.problems
    for problem in refusal.problems:
        assert str(file) in problem.where or file.parent.name in problem.where, problem
        assert problem.reason
        assert "Traceback" not in str(problem)
        assert len(str(problem)) < 5_000, str(problem)[:200]
    return refusal


@fuzzed(150)
@given(
    text=st.one_of(
        mutated_files(), mutated_files(), st.binary(max_size=200), st.text(max_size=200).map(str.encode)
    )
)
@example(b"")
@example(b"\xff\xfe")
@example(b"[" * 100_000)
@example(b"a = " + b"[" * 100_000)
@example(b"a = " + b"9" * 100_000)
def test_a_rules_file_is_taken_or_refused_with_places(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    note(repr(text[:2_000]))
    folder = tmp_path_factory.mktemp("f", numbered=True)
    refused_or_taken(folder / "rules.toml", text)


def test_includes_in_a_circle_and_of_themselves_are_refused_or_read_once(tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "a.toml").write_text("include = ['b.toml']\n")
    (tmp_path / "rules.d" / "b.toml").write_text("include = ['a.toml']\n")
    (tmp_path / "rules.d" / "loop").symlink_to(tmp_path, target_is_directory=True)
    for pattern in ("rules.toml", "rules.d/*.toml", "**/*.toml", "rules.d/loop/rules.d/loop/rules.toml"):
        refused_or_taken(tmp_path / "rules.toml", f"include = ['{pattern}']\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        b"".join(b'[[rule]]\nname = "r%d"\ntype = "nonsense"\n' % n for n in range(500)),
        b'[[rule]]\nname = "big"\ntype = "low_balance"\nasset = [' + b'"A*",' * 10_000 + b"]\nbelow = 1\n",
        b"x = '" + b"y" * (20 << 20) + b"'\n",
        b"[[rule]]\n" * 3_000,
    ],
    ids=["500-bad-rules", "10000-patterns", "20-MB-string", "3000-empty-rules"],
)
@pytest.mark.timeout(60)
def test_a_huge_file_takes_bounded_memory(tmp_path: Path, text: bytes) -> None:
    tracemalloc.start()
    try:
        refused_or_taken(tmp_path / "rules.toml", text)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_MOST
    finally:
        tracemalloc.stop()


def test_the_example_itself_is_taken(tmp_path: Path) -> None:
    assert tomllib.loads(EXAMPLE)
    assert isinstance(refused_or_taken(tmp_path / "rules.toml", EXAMPLE.encode()), Config)
