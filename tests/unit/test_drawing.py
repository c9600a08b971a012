from __future__ import annotations

import struct
import time
import zlib
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.drawing.canvas import COLOURS, Ink, text_width
from notifiers.drawing.chart import HEIGHT, WIDTH, Chart, Event, Limit, draw
from notifiers.drawing.scale import axis_of, time_marks

T_MS = 1_790_000_000_000
HOUR_MS = 3_600_000

Colour = tuple[int, int, int]


def decoded(png: bytes) -> list[list[Colour]]:
    """The pixels, read as the PNG specification says and by nothing of ours."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colours, compression, filtering, interlace = struct.unpack(
        ">IIBBBBB", chunks[b"IHDR"]
    )
    assert (depth, colours, compression, filtering, interlace) == (8, 3, 0, 0, 0)
    palette = chunks[b"PLTE"]
    inks = [tuple(palette[one : one + 3]) for one in range(0, len(palette), 3)]
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == height * (width + 1)
    rows = [raw[y * (width + 1) : (y + 1) * (width + 1)] for y in range(height)]
    assert {row[0] for row in rows} == {0}
    return [[inks[pixel] for pixel in row[1:]] for row in rows]  # type: ignore[misc]


def drawn(chart: Chart) -> list[list[Colour]]:
    png = draw(chart)
    assert png is not None
    return decoded(png)


def rows_of(pixels: list[list[Colour]], ink: Ink, x: int) -> list[int]:
    return [y for y, row in enumerate(pixels) if row[x] == COLOURS[ink]]


FALLING = Chart(
    points=((T_MS - HOUR_MS, Decimal("51900.25")), (T_MS - HOUR_MS // 2, Decimal("18250.5"))),
    start_ms=T_MS - HOUR_MS,
    end_ms=T_MS,
    who="binance-main · mm-1@desk.example",
    what="USDT free",
    says="18,250.5 < 20,000",
    limits=(Limit(Decimal(20_000), "threshold", "critical"), Limit(Decimal(60_000), "ends at", "good")),
    events=(Event(T_MS - HOUR_MS // 2, "firing", "critical"),),
)


def test_a_picture_has_the_size_and_is_small() -> None:
    png = draw(FALLING)
    assert png is not None
    pixels = decoded(png)
    assert (len(pixels), {len(row) for row in pixels}) == (HEIGHT, {WIDTH})
    assert len(png) < 30_000


def test_the_line_steps_down_through_the_threshold() -> None:
    pixels = drawn(FALLING)
    (left,) = {sum(rows_of(pixels, Ink.LINE, x)) // 3 for x in (300, 350, 390)}
    (right,) = {sum(rows_of(pixels, Ink.LINE, x)) // 3 for x in (500, 600, 700)}
    threshold = {
        y
        for y in range(126, 331)
        if sum(pixels[y][x] == COLOURS[Ink.CRITICAL] for x in range(450, 776)) > 150
    }
    clear = {
        y for y in range(120, 331) if sum(pixels[y][x] == COLOURS[Ink.GOOD] for x in range(450, 776)) > 150
    }
    assert len(threshold) == len(clear) == 3
    assert max(clear) < left < min(threshold) < max(threshold) < right


def test_a_figure_lies_where_the_scale_says() -> None:
    axis = axis_of([Decimal(0), Decimal(100)], 0, 108)
    assert axis.y(Decimal(0)) == 108
    assert axis.y(Decimal(100)) == 8
    assert axis.y(Decimal(50)) == 58
    assert [words for _, words in axis.marks] == ["0", "50", "100"]


def test_law_1_what_was_not_read_is_a_gap_and_no_line() -> None:
    half = T_MS - HOUR_MS // 2
    pixels = drawn(
        replace(FALLING, points=(*FALLING.points[:1], (half, None)), gaps=((half, T_MS),), events=())
    )
    assert rows_of(pixels, Ink.LINE, 700) == []
    assert len(rows_of(pixels, Ink.GAP, 700)) > 150
    assert rows_of(pixels, Ink.GAP, 200) == []


def test_without_a_known_figure_there_is_no_picture() -> None:
    assert draw(replace(FALLING, points=())) is None
    assert draw(replace(FALLING, points=((T_MS - 5, None),))) is None
    assert draw(replace(FALLING, points=((T_MS + 5, Decimal(1)),))) is None


def test_a_figure_that_does_not_fit_is_left_out_whole() -> None:
    digits = Decimal("1." + "3" * 57)
    plain = drawn(replace(FALLING, points=((T_MS - 5, digits),), says="9" * 200, limits=(), events=()))
    assert all(COLOURS[Ink.CRITICAL] not in row for row in plain[40:110])
    assert text_width("9" * 200, 10) > WIDTH


def luminance(colour: Colour) -> float:
    parts = [one / 255 for one in colour]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ink", sorted(set(Ink) - {Ink.GRID, Ink.WASH, Ink.GAP}))
def test_what_is_to_be_read_has_enough_contrast(ink: Ink) -> None:
    assert 1.05 / (luminance(COLOURS[ink]) + 0.05) >= 4.5


@pytest.mark.parametrize(
    "span_ms", [1, 7_000, 90_000, HOUR_MS, 30 * HOUR_MS, 4_000 * HOUR_MS, 900_000 * HOUR_MS]
)
@pytest.mark.parametrize("where", [UTC, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York")])
def test_a_few_round_times_stand_below(span_ms: int, where: ZoneInfo) -> None:
    marks = time_marks(T_MS - span_ms, T_MS, where)
    assert len(marks) <= 8
    assert all(T_MS - span_ms <= at_ms <= T_MS for at_ms, _ in marks)
    assert len({later - earlier for (earlier, _), (later, _) in pairwise(marks)}) <= 1


def test_times_are_round_on_the_readers_clock() -> None:
    marks = time_marks(T_MS - HOUR_MS, T_MS, ZoneInfo("Asia/Kathmandu"))
    assert {words[-1] for _, words in marks} == {"0"}


AMOUNTS = st.one_of(
    st.none(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.decimals(min_value=-10, max_value=10**12, places=18),
    st.sampled_from([Decimal("1E+999999"), Decimal("1E-999999"), Decimal("-0"), Decimal(10) ** 59]),
)
TIMES = st.integers(-(10**15), 10**18)
TEXTS = st.text(max_size=300)


@given(
    st.lists(st.tuples(TIMES, AMOUNTS), max_size=60),
    st.tuples(TIMES, TIMES),
    st.lists(AMOUNTS.filter(lambda one: one is not None), max_size=3),
    st.lists(TIMES, max_size=5),
    st.lists(st.tuples(TIMES, TIMES), max_size=3),
    TEXTS,
)
def test_any_history_is_drawn_or_not_and_never_fails(
    points: list[tuple[int, Decimal | None]],
    span: tuple[int, int],
    limits: list[Decimal],
    times: list[int],
    gaps: list[tuple[int, int]],
    text: str,
) -> None:
    png = draw(
        Chart(
            tuple(points),
            *span,
            who=text,
            what=text,
            says=text,
            says_ink=text,
            limits=tuple(Limit(one, text, text) for one in limits),
            events=tuple(Event(one, text, text) for one in times),
            gaps=tuple(gaps),
        )
    )
    assert png is None or len(png) < 60_000


def test_a_thousand_changes_are_still_a_small_picture() -> None:
    points = tuple((T_MS - HOUR_MS + at * 3_600, Decimal(at * 7919 % 1009)) for at in range(1_000))
    png = draw(replace(FALLING, points=points))
    assert png is not None
    assert len(png) < 30_000


def test_drawing_takes_milliseconds_of_the_processor() -> None:
    draw(FALLING)  # the letters are made at the first time
    spent = []
    for _ in range(5):
        began = time.thread_time()
        draw(FALLING)
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.05
