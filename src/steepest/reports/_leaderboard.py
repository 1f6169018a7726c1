"""The leaderboard: a row an optimizer at its recommended learning rate, best first."""

import math
from typing import Any, NamedTuple

from ..rules import proper_name
from ._format import number, percent, rate
from ._style import Style, styles


class Row(NamedTuple):
    """A line of the leaderboard, written out. bar: start, middle and end of the range, in percent of its column."""

    rank: int
    name: str
    style: Style
    learning_rate: str
    median: str
    range: str
    bar: tuple[float, float, float] | None
    usual: str
    diverged: str
    at_edge: bool


def leaderboard_rows(ranks: list[dict[str, Any]], order: list[str]) -> list[Row]:
    """The leaderboard's rows. ranks: as in race.json, best first.  order: every optimizer, for the styles."""
    ends = [rank[key] for rank in ranks for key in ("low", "high") if _finite(rank[key])]
    looks = styles(order)
    return [_row(i, rank, looks[rank["optimizer"]], ends) for i, rank in enumerate(ranks, start=1)]


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _row(place: int, rank: dict[str, Any], style: Style, ends: list[float]) -> Row:
    spread = f"{number(rank['low'])} to {number(rank['high'])}" if _finite(rank["low"]) else "—"
    usual = rank.get("usual_learning_rate")
    lost, runs = rank["diverged"], rank["runs"]
    return Row(
        rank=place,
        name=proper_name(rank["optimizer"]),
        style=style,
        learning_rate=rate(rank["learning_rate"]),
        median=number(rank["median"]),
        range=spread,
        bar=_bar(rank, ends),
        usual=f"{number(rank.get('usual_median'))} at {rate(usual)}" if usual else "—",
        diverged=f"{lost} of {runs} ({percent(lost / runs)})" if runs else "—",
        at_edge=bool(rank.get("at_edge")),
    )


def _bar(rank: dict[str, Any], ends: list[float]) -> tuple[float, float, float] | None:
    values = [rank["low"], rank["median"], rank["high"]]
    if not all(map(_finite, values)) or max(ends) <= min(ends):
        return None
    low, high = min(ends), max(ends)
    if low > 0:
        shares = [math.log(value / low) / math.log(high / low) for value in values]
    else:
        shares = [(value - low) / (high - low) for value in values]
    return tuple(round(100 * min(max(share, 0.0), 1.0), 1) for share in shares)  # type: ignore[return-value]
