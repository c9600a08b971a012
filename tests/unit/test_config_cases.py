"""Text in, text out: each wrong file ends with its errors, one to a comment that begins with `#= `."""

from pathlib import Path

import pytest

from daemon.config import ConfigError, load

FOLDER = Path(__file__).parents[1] / "cases" / "config"
CASES = sorted(FOLDER.glob("*.toml"))
DOUBTFUL = sorted((FOLDER / "warnings").glob("*.toml"))


def expected(path: Path) -> list[str]:
    return [line[3:] for line in path.read_text().splitlines() if line.startswith("#= ")]


def refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [str(problem).replace(f"{FOLDER}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_wrong_file_is_refused_with_all_its_errors(path: Path) -> None:
    assert refused(path) == expected(path)


def test_there_are_at_least_forty_wrong_files() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_error_names_its_line(path: Path) -> None:
    assert [line for line in expected(path) if not line.removeprefix(f"{path.name}:")[0].isdigit()] == []


@pytest.mark.parametrize("path", DOUBTFUL, ids=lambda path: path.stem)
def test_a_doubtful_file_is_accepted_with_all_its_warnings(path: Path) -> None:
    told = [str(warning).replace(f"{path.parent}/", "") for warning in load(path).warnings]
    assert told == expected(path)
    assert told
