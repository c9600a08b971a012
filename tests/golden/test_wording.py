import pytest

from tests.golden.wording_cases import CASES, FOLDER, text_of


@pytest.mark.parametrize("name", CASES)
def test_a_message_reads_as_its_golden_text(name: str) -> None:
    assert text_of(CASES[name]()) == (FOLDER / f"{name}.txt").read_text()


def test_every_golden_text_has_its_case() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == sorted(CASES)
