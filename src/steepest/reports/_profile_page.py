"""Draws the races of several tables together, as one page that works from disk."""

import hashlib
from pathlib import Path
from urllib.parse import quote

import numpy as np
import plotly.graph_objects as go

from ..files import new_file
from ..pictures import Style, styles, text_color
from ..races import R_MAX, Profile, Reached, TimesToTargets
from ..rules import proper_name
from ._fill import fill
from ._format import count, interval, number, percent, plotly_text
from ._losses import spread
from ._profile import Standing, TableRace, Together, save_profile, together
from ._style import Chart, Table, figure

HEIGHT, TOP, BOTTOM, RIGHT = 420, 14, 52, 100
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def draw_profile(directory: str | Path, told: Together | None = None) -> Path:
    """Write ``report.html`` and ``profile.json`` into a directory of races of several tables.

    told: what is known of it; read if None.
    Returns the path of the page. Raises InputError where a race is missing or damaged, or nothing can be written.
    """
    told = together(directory) if told is None else told
    page = render_profile(told)
    save_profile(told)
    target = Path(directory) / "report.html"
    with new_file(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def render_profile(told: Together) -> str:
    """The page as text."""
    board, tasks = standing_table(told), task_table(told)
    races = [(one.name, f"{quote(one.name)}/report.html", _verdict(one)) for one in told.races]
    unconfirmed = [one.name for one in told.judged if not (one.record.verdict or {})["confirmed"]]
    return fill(
        "profile.html",
        nonce=hashlib.sha256(repr((board, tasks, races, told.profile)).encode()).hexdigest()[:32],
        told=told,
        races=races,
        unconfirmed=unconfirmed,
        board=board,
        tasks=tasks,
        chart=_chart(told.profile) if told.profile else None,
        version=told.races[0].record.facts.get("steepest", ""),
    )


def _verdict(one: TableRace) -> str:
    verdict = one.record.verdict
    return verdict["sentence"] if verdict else "No verdict was reached."


def standing_table(told: Together) -> Table:
    """A row an optimizer, the highest score first."""
    head = ["Optimizer", "Score (95 %)", "Within 1 % (95 %)", "Among the winners", "Mean rank (95 %)"]
    caption = "Optimizers over all tables"
    return Table(caption, head, [_standing_cells(one) for one in told.standings])


def _standing_cells(one: Standing) -> list[str]:
    within = f"{one.within} of {one.tables} ({interval(one.within_low, one.within_high)})"
    score = f"{number(one.score)} ({interval(one.low, one.high)})" if one.score is not None else "—"
    rank = f"{number(one.rank)} ({interval(one.rank_low, one.rank_high)})"
    return [proper_name(one.optimizer), score, within, f"{one.won} of {one.tables}", rank]


def task_table(told: Together) -> Table:
    """A row a table and target: the median steps of each optimizer to it, with how many of its seeds got there."""
    field = [one.optimizer for one in told.standings]
    rows = [row for one in told.judged if one.times for row in _task_rows(one.name, one.times, field)]
    head = ["Table", "Share of the drop", "Loss", *map(proper_name, field)]
    return Table(
        "Median steps to each target (95 % interval), misses being infinite; and the seeds that reached it", head, rows
    )


def _task_rows(name: str, times: TimesToTargets, field: list[str]) -> list[list[str]]:
    rows = []
    for place, target in enumerate(times.targets):
        reached = [times.reached[one][place] if one in times.reached else None for one in field]
        cells = [f"{_steps(one)}; {one.hits}/{len(one.steps)}" if one else "—" for one in reached]
        rows.append([name, percent(target.share), number(target.loss), *cells])
    return rows


def _steps(one: Reached) -> str:
    """The median number of steps to a target, with its interval where there are seeds enough."""
    if np.isnan(one.low_steps):
        return number(one.median_steps)
    return f"{number(one.median_steps)} ({interval(one.low_steps, one.high_steps)})"


def _chart(profile: Profile) -> Chart:
    """The share of tasks on which an optimizer takes at most tau times the least steps, over tau."""
    chart, looks = figure(height=HEIGHT, margin=(62, RIGHT, TOP, BOTTOM)), styles(profile.field)
    order = sorted(profile.field, key=lambda name: -profile.scores[name])
    for place, name in enumerate(order):
        _add_steps(chart, profile, name, looks[name], _DASHES[place % len(_DASHES)])
    chart.update_xaxes(title_text="times the quickest, in steps", range=[0.97, R_MAX + 0.03], dtick=0.5, showgrid=True)
    chart.update_yaxes(title_text="share of tables and targets", range=[-0.02, 1.04], tickformat=".0%", dtick=0.25)
    ends = [(profile.share_within(name, R_MAX) + 0.02) / 1.06 for name in order]
    heights = spread(ends, 15 / (HEIGHT - TOP - BOTTOM), lowest=0.0, highest=1.0)
    for name, height in zip(order, heights, strict=True):
        chart.add_annotation(
            xref="paper", x=1, yref="paper", y=height, text=plotly_text(proper_name(name), 12), xanchor="left",
            yanchor="middle", xshift=6, showarrow=False, font={"color": text_color(looks[name].color), "size": 12},
        )  # fmt: skip
    said = "; ".join(
        f"{proper_name(name)} is quickest on {percent(profile.share_within(name, 1))}, within twice the least on "
        f"{percent(profile.share_within(name, 2))}, its score {number(profile.scores[name])} (95 % interval "
        f"{interval(*profile.intervals[name])})"
        for name in order
    )
    return Chart(
        "profile",
        "Performance profile",
        chart,
        f"Of {count(len(profile.tasks), 'table and target', 'tables and targets')}: {said}.",
    )


def _add_steps(chart: go.Figure, profile: Profile, name: str, look: Style, dash: str) -> None:
    ratios = np.array(profile.ratios[name])
    taus = np.unique([1.0, *ratios[ratios < R_MAX], R_MAX])
    shares = [profile.share_within(name, tau) for tau in taus]
    chart.add_scatter(
        x=taus.tolist(), y=shares, mode="lines+markers", name=plotly_text(proper_name(name)),
        line={"color": look.color, "width": 2.2, "dash": dash, "shape": "hv"},
        marker={"symbol": look.symbol, "size": 8, "color": look.color},
        hovertext=[
            f"{plotly_text(proper_name(name))}: at most {number(tau)} times the least on {percent(share)}"
            for tau, share in zip(taus, shares, strict=True)
        ],
        hoverinfo="text",
    )  # fmt: skip
