"""The locked versions: exact, hashed, without a registry's name, and what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
DEV = [*RUNTIME, *PROJECT["project"]["optional-dependencies"]["dev"]]
LOCKS = {"requirements.txt": RUNTIME, "requirements-dev.txt": DEV}


def locked(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Package → each version that is locked, for some machines or all, with the number of its hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement, *hashes = line.split("--hash=")
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes), line[:80]
            one = Requirement(requirement.strip())
            found.setdefault(canonicalize_name(one.name), []).append((one, len(hashes)))
    return found


@pytest.mark.parametrize("lock,wanted", LOCKS.items())
def test_the_lock_satisfies_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    found = locked(lock)
    for text in wanted:
        asked = Requirement(text)
        versions = [str(one.specifier).removeprefix("==") for one, _ in found[canonicalize_name(asked.name)]]
        assert versions, "make lock"
        assert [one for one in versions if one not in asked.specifier] == [], f"make lock: {text}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_version_is_exact_and_has_a_hash(lock: str) -> None:
    for name, versions in locked(lock).items():
        for one, hashes in versions:
            assert re.fullmatch(r"==[0-9][0-9a-z.+]*", str(one.specifier)), name
            assert one.url is None
            assert hashes > 0, name


@pytest.mark.parametrize("lock", LOCKS)
def test_no_registry_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert re.findall(r"://|--index|--extra-index|--find-links|--trusted", text) == []


def test_what_is_tested_is_what_is_installed() -> None:
    tested = locked("requirements-dev.txt")
    for name, versions in locked("requirements.txt").items():
        assert [one.specifier for one, _ in tested[name]] == [one.specifier for one, _ in versions], (
            "make lock"
        )
