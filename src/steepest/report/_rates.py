"""The learning-rate curves: one panel an optimizer, every run a mark."""

import numpy as np
import plotly.graph_objects as go

from ._directory import Record
from ._format import count, listed, number, plotly_text, proper_name, rate
from ._scale import Scale, log_axis, scale, scores
from ._style import DIVERGED, INK, QUIET, STRIP, Chart, Style, Table, figure, styles

STRIP_FROM, ABOVE_AT, DIVERGED_AT, STRIP_TO = 1.06, 1.13, 1.26, 1.34


def rate_charts(record: Record, order: list[str], unit: str) -> list[Chart]:
    """A panel for each optimizer in *order*, all with the same loss axis; the first is drawn in grey in the others."""
    losses, looks = scores(record), styles(order)
    shared = scale(record, losses)
    best = {rank["optimizer"]: rank for rank in (record.verdict or {}).get("leaderboard", [])}
    charts = []
    for optimizer in order:
        panel = _panel(shared, unit)
        if optimizer != order[0]:
            _add_median(panel, medians(record, losses, order[0]), shared, "#b4bac2", "comparison")
        curve = medians(record, losses, optimizer)
        _add_median(panel, curve, shared, looks[optimizer].color, "median")
        _add_runs(panel, record, losses, optimizer, shared, looks[optimizer])
        _add_rates(panel, record, optimizer, best.get(optimizer), shared)
        _ring(panel, curve, best.get(optimizer), shared)
        finding = _finding(record, losses, optimizer, best.get(optimizer), unit)
        charts.append(Chart(f"rates-{len(charts)}", proper_name(optimizer), panel, finding))
    return charts


def medians(record: Record, losses: np.ndarray, optimizer: str) -> tuple[np.ndarray, np.ndarray]:
    """An optimizer's learning rates, ascending, and the median loss over seeds at each.

    A diverged run counts as infinitely bad, so the median is infinite where more than half diverged; interrupted runs
    are left out, since they had no chance to finish.
    """
    mine = (record.runs["optimizer"] == optimizer) & (record.runs["status"] != "interrupted")
    rates = np.unique(record.runs["learning_rate"][mine])
    each = [losses[mine & (record.runs["learning_rate"] == one)] for one in rates]
    return rates, np.array([np.median(group) for group in each])


def _panel(shared: Scale, unit: str) -> go.Figure:
    panel = figure(height=270, margin=(52, 10, 8, 44))
    panel.update_xaxes(type="log", title_text="learning rate")
    panel.update_yaxes(shared.axis(STRIP_TO))
    bottom, top = shared.at(STRIP_FROM), shared.at(STRIP_TO)
    panel.add_shape(type="rect", xref="paper", x0=0, x1=1, y0=bottom, y1=top, fillcolor=STRIP, line_width=0, layer="below")
    return panel


def _add_median(panel: go.Figure, curve: tuple[np.ndarray, np.ndarray], shared: Scale, color: str, name: str) -> None:
    rates, losses = curve
    shown = [loss if loss <= shared.cap else None for loss in losses.tolist()]
    panel.add_scatter(
        x=rates.tolist(), y=shown, mode="lines", name=name, hoverinfo="skip", line={"color": color, "width": 2}
    )


def _add_runs(
    panel: go.Figure, record: Record, losses: np.ndarray, optimizer: str, shared: Scale, style: Style
) -> None:
    runs = record.runs
    mine = runs["optimizer"] == optimizer
    cut = mine & (runs["status"] == "interrupted")
    lost = mine & ~cut & ~np.isfinite(losses)
    above = mine & ~cut & ~lost & (losses > shared.cap)
    inside = mine & ~cut & ~lost & ~above
    dot = {"color": style.color, "symbol": style.symbol, "size": 6, "opacity": 0.6}
    hollow = {"color": QUIET, "symbol": "circle-open", "size": 7}
    arrow = {"color": style.color, "symbol": "arrow-up", "size": 8}
    cross = {"color": DIVERGED, "symbol": "x-thin", "size": 7, "line": {"width": 2, "color": DIVERGED}}
    _add_marks(panel, record, losses, inside, losses, "run", dot)
    _add_marks(panel, record, losses, cut, np.where(losses <= shared.cap, losses, shared.at(ABOVE_AT)), "interrupted", hollow)
    _add_marks(panel, record, losses, above, np.full(len(losses), shared.at(ABOVE_AT)), "above", arrow)
    _add_marks(panel, record, losses, lost, np.full(len(losses), shared.at(DIVERGED_AT)), "diverged", cross)


def _add_marks(
    panel: go.Figure, record: Record, losses: np.ndarray, which: np.ndarray, heights: np.ndarray, name: str, marker: dict
) -> None:
    if not which.any():
        return
    rates = record.runs["learning_rate"][which]
    words = [_hover(record, losses, i) for i in np.flatnonzero(which)]
    labels = _counts(rates) if name in ("above", "diverged") else [""] * len(rates)
    panel.add_scatter(
        x=rates.tolist(),
        y=heights[which].tolist(),
        mode="markers+text",
        name=name,
        marker=marker,
        text=labels,
        textposition="middle right",
        textfont={"size": 10, "color": marker["color"] if name == "diverged" else INK},
        hovertext=words,
        hoverinfo="text",
    )


def _counts(rates: np.ndarray) -> list[str]:
    # Marks at one rate lie on top of each other in the strip: the first of them carries their number.
    return [str(int((rates == one).sum())) if one not in rates[:i] else "" for i, one in enumerate(rates)]


def _hover(record: Record, losses: np.ndarray, i: int) -> str:
    runs = record.runs
    ending = {"ok": "all epochs", "stopped": "stopped early"}.get(runs["status"][i], runs["status"][i])
    first = f"{proper_name(runs['optimizer'][i])} at {rate(runs['learning_rate'][i])}, seed {runs['seed'][i]}"
    return f"{plotly_text(first)}<br>loss {number(losses[i])}, {plotly_text(ending)}"


def _add_rates(panel: go.Figure, record: Record, optimizer: str, rank: dict | None, shared: Scale) -> None:
    rates = record.runs["learning_rate"][record.runs["optimizer"] == optimizer]
    usual = (rank or {}).get("usual_learning_rate")
    shown = [*rates.tolist(), *([usual] if usual else [])]
    panel.update_xaxes(log_axis(min(shown) / 1.6, max(shown) * 2.2, most=5))
    if usual:
        line = {"color": QUIET, "width": 1, "dash": "dot"}
        ends = {"y0": shared.at(-0.06), "y1": shared.at(STRIP_FROM)}
        panel.add_shape(type="line", x0=usual, x1=usual, **ends, line=line, layer="below", name="usual")


def _ring(panel: go.Figure, curve: tuple[np.ndarray, np.ndarray], rank: dict | None, shared: Scale) -> None:
    chosen = [i for i, one in enumerate(curve[0]) if rank and np.isclose(one, rank["learning_rate"] or 0, rtol=1e-6)]
    if not chosen or curve[1][chosen[0]] > shared.cap:
        return
    at, height = float(curve[0][chosen[0]]), float(curve[1][chosen[0]])
    ring = {"symbol": "circle-open", "size": 15, "color": INK, "line": {"width": 2}}
    panel.add_scatter(x=[at], y=[height], mode="markers", name="best", marker=ring, hoverinfo="skip")


def _finding(record: Record, losses: np.ndarray, optimizer: str, rank: dict | None, unit: str) -> str:
    rates, middles = medians(record, losses, optimizer)
    name, mine = proper_name(optimizer), record.runs["optimizer"] == optimizer
    lost = np.isinf(losses) & mine
    said = f"Learning-rate curve of {name}: "
    if not np.isfinite(middles).any():
        return f"{said}no learning rate has a finite median loss; {lost.sum()} of {count(int(mine.sum()), 'run')} diverged."
    best = int(np.argmin(middles))
    said += f"the median loss is lowest, {number(middles[best])} {unit}, at {rate(rates[best])}"
    ends = [i for i in (0, len(rates) - 1) if i != best]
    said += "".join(f"{', and' if i else ','} {number(middles[i])} at {rate(rates[i])}" for i in ends) + ". "
    if lost.any():
        where = record.runs["learning_rate"][lost]
        said += f"{lost.sum()} of {count(int(mine.sum()), 'run')} diverged, at rates from {rate(where.min())} to {rate(where.max())}. "
    if rank and rank.get("usual_learning_rate"):
        said += f"The usual rate, {rate(rank['usual_learning_rate'])}, gives {number(rank.get('usual_median'))}."
    return said.replace("∞", "a diverging loss").strip()


def rate_table(record: Record, order: list[str]) -> Table:
    """The numbers behind all panels: a row an optimizer and learning rate."""
    losses, runs, rows = scores(record), record.runs, []
    for optimizer in order:
        rates, middles = medians(record, losses, optimizer)
        for one, middle in zip(rates, middles, strict=True):
            here = (runs["optimizer"] == optimizer) & (runs["learning_rate"] == one) & (runs["status"] != "interrupted")
            ended = np.sort(losses[here])
            lost = f"{np.isinf(ended).sum()} of {len(ended)}"
            rows.append([proper_name(optimizer), rate(one), number(middle), listed(map(number, ended)), lost])
    return Table("Loss of every run, by optimizer and learning rate (∞ where it diverged)", _HEAD, rows)


_HEAD = ["Optimizer", "Learning rate", "Median loss", "Loss of each seed", "Diverged"]
