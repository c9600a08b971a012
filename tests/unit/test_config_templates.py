"""`templates` in [daemon]: where faults are told, and that none of them refuses the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config import ConfigError, parse
from notifiers.custom import VARIABLES

ROOT = Path(__file__).parents[2]


def test_a_broken_template_is_a_warning_at_its_place_and_the_rest_is_accepted() -> None:
    text = '[daemon]\nstale_after = "7m"\n\n[daemon.templates]\ntitle = "{{ id }}"\nbody = "{{ acount }}"\n'
    config = parse((("rules.toml", text),), Path("/etc/subtally"))
    (warning,) = [one for one in config.warnings if one.line is not None]
    assert (warning.line, warning.column) == (6, 8)
    assert "daemon: templates.body: there is no variable 'acount'; did you mean account?" in warning.reason
    settings = config.ruleset.settings
    assert (settings.title_template, settings.body_template) == ("{{ id }}", "{{ acount }}")
    assert settings.stale_after_ms == 420_000


@pytest.mark.parametrize(
    "written, reason",
    [
        ('templates = { titel = "x" }', 'daemon: templates.titel: unknown key; did you mean "title"?'),
        ("templates = { title = 7 }", "daemon: templates.title: must be text, not a number"),
        ('templates = "x"', "daemon: templates: must be a table, not text"),
    ],
)
def test_what_is_no_template_at_all_is_an_error(written: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse((("rules.toml", f"[daemon]\n{written}\n"),), Path("/etc/subtally"))
    assert [problem.reason for problem in refused.value.problems] == [reason]


def test_the_page_names_every_variable() -> None:
    page = (ROOT / "docs" / "wording.md").read_text()
    assert [name for name in VARIABLES if f"`{name}`" not in page] == []
