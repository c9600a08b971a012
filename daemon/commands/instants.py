"""A time as an option: an instant with its zone, or how long ago."""

from __future__ import annotations

from typing import Any

import click

from daemon.commands.output import now_ms


class Moment(click.ParamType[int]):
    """`2026-01-31T02:00:00Z`, or as long ago as `90m`, `24h`, `7d`; UTC milliseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        from pydantic_core import PydanticCustomError

        from daemon.config.scalars import read_duration
        from daemon.config.times import read_instant

        if isinstance(value, int):
            return value
        try:
            return now_ms() - read_duration(value)
        except PydanticCustomError:
            pass
        try:
            return read_instant(value)
        except PydanticCustomError:
            self.fail(
                f"{value!r} is no time: write how long ago, as in 90m or 7d, or a date and a time with its zone, "
                "as in 2026-01-31T02:00:00Z",
                param,
                ctx,
            )
