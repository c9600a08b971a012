"""What a start or a reload refuses of secrets that can be had and are of no use."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config import load
from daemon.errors import CannotRun
from daemon.startup import check_secrets

SECRET = "5entinel-of-the-tests"


@pytest.mark.parametrize(
    "url",
    [
        f"hc.example/{SECRET}",
        f"ftp://hc.example/{SECRET}",
        f"http://[::1/{SECRET}",
        f"http://hc.example:99999999/{SECRET}",
        f"https:///{SECRET}",
    ],
)
def test_law_12_a_heartbeat_url_of_no_use_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    (tmp_path / "url").write_text(url)
    (tmp_path / "rules.toml").write_text('[daemon]\nheartbeat_url = { file = "url" }\n')
    with pytest.raises(CannotRun) as refused:
        check_secrets(load(tmp_path / "rules.toml"))
    assert "heartbeat_url: it is not an http or https address" in str(refused.value)
    assert SECRET not in str(refused.value)
