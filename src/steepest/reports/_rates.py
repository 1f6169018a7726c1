"""The learning-rate sensitivity: one panel an optimizer, every run of the tuning a mark."""

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..pictures import DIVERGED, INK, QUIET, STRIP, Style, styles
from ..races import parsed_knobs, with_knobs
from ..rules import proper_name
from ._directory import Record
from ._format import count, interval, listed, number, plotly_text, rate
from ._scale import ABOVE_AT, DIVERGED_AT, STRIP_FROM, STRIP_TO, Scale, log_axis, scale, scores
from ._style import Chart, Table, figure

PLATEAU = "#dfe8f4"
# Rates are half a decade apart: a plateau's band reaches a fifth of that beyond its outer rates, and so has a width.
BEYOND = 10**0.1


class _Drawn(NamedTuple):
    """What all panels share: the race, each run's loss as it is judged, and the loss axis."""

    record: Record
    losses: np.ndarray
    axis: Scale


def rate_charts(record: Record, order: list[str], unit: str) -> list[Chart]:
    """A panel for each optimizer in *order*, all with the same loss axis; the first is drawn in grey in the others."""
    losses, looks = scores(record), styles(order)
    race = _Drawn(record, losses, scale(record, losses[~record.fresh]))
    best = {rank["optimizer"]: rank for rank in (record.verdict or {}).get("leaderboard", [])}
    charts: list[Chart] = []
    for optimizer in order:
        panel, curve, rank = _panel(race), medians(record, losses, optimizer), best.get(optimizer)
        ended, searched = _ended(record, optimizer, curve), _searched(record, losses, optimizer, rank)
        if charts:
            first = medians(record, losses, order[0])
            _add_median(panel, _ended(record, order[0], first), race.axis, "#b4bac2", "comparison")
        _add_plateau(panel, race.axis, rank)
        if len(ended[0]) < len(curve[0]):
            _add_median(panel, curve, race.axis, looks[optimizer].color, "unended", dash="dot", width=1.2)
        _add_median(panel, ended, race.axis, looks[optimizer].color, "median")
        if len(searched[0]):
            _add_median(panel, searched, race.axis, looks[optimizer].color, "searched", dash="dash")
        _add_runs(panel, race, optimizer, looks[optimizer])
        _add_rates(panel, race, optimizer, rank)
        _add_ring(panel, searched if len(searched[0]) else curve, rank, race.axis)
        finding = _finding(race, optimizer, rank, unit)
        charts.append(Chart(f"rates-{len(charts)}", proper_name(optimizer), panel, finding))
    return charts


def medians(record: Record, losses: np.ndarray, optimizer: str, knobs: str = "") -> tuple[np.ndarray, np.ndarray]:
    """An optimizer's learning rates, ascending, and the median loss over seeds at each.

    knobs: with which other hyperparameters than the usual ones.

    A diverged run counts as infinitely bad, so the median is infinite where more than half diverged; interrupted runs
    are left out, since they had no chance to finish, and so are seeds that the verdict leaves out.
    """
    mine = (record.runs["optimizer"] == optimizer) & record.tuned & (record.hyperparameters == knobs)
    rates = np.unique(record.runs["learning_rate"][mine])
    each = [losses[mine & (record.runs["learning_rate"] == one)] for one in rates]
    return rates, np.array([np.median(group) for group in each])


def _searched(record: Record, losses: np.ndarray, optimizer: str, rank: dict | None) -> tuple[np.ndarray, np.ndarray]:
    """The rates and medians with the recommended hyperparameters; none where these are the usual ones."""
    knobs = _knobs_at(record, optimizer, rank)
    return medians(record, losses, optimizer, knobs) if knobs else (np.empty(0), np.empty(0))


def _knobs_at(record: Record, optimizer: str, rank: dict | None) -> str:
    """The hyperparameters of the runs at the recommended rate: within a race that names its configuration."""
    if not rank or not rank["hyperparameters"]:
        return ""
    near = np.isclose(record.runs["learning_rate"], rank["learning_rate"] or 0, rtol=1e-6)
    there = record.hyperparameters[near & (record.runs["optimizer"] == optimizer)]
    return str(there[0]) if len(there) else ""


def dropped_rates(record: Record, optimizer: str) -> np.ndarray:
    """The learning rates of an optimizer that were dropped on the way, ascending: those that could not win."""
    dropped = (record.runs["optimizer"] == optimizer) & (record.runs["status"] == "dropped") & record.tuned
    return np.unique(record.runs["learning_rate"][dropped])


def _ended(record: Record, optimizer: str, curve: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The rates and medians of those that ran to their end."""
    kept = ~np.isin(curve[0], dropped_rates(record, optimizer))
    return curve[0][kept], curve[1][kept]


def _panel(race: _Drawn) -> go.Figure:
    axis, crowded = race.axis, bool((race.losses[~race.record.fresh] > race.axis.cap).any())
    top = STRIP_TO if crowded else STRIP_FROM
    panel = figure(height=270, margin=(52, 10, 8, 44))
    panel.update_xaxes(type="log", title_text="learning rate")
    panel.update_yaxes(axis.axis(top), showticklabels=bool(np.isfinite(race.losses).any()))
    strip = {"y0": axis.at(STRIP_FROM), "y1": axis.at(top), "fillcolor": STRIP, "line_width": 0}
    return panel.add_shape(type="rect", name="strip", xref="paper", x0=0, x1=1, layer="below", **strip)


def _add_plateau(panel: go.Figure, axis: Scale, rank: dict | None) -> None:
    if rank and rank["plateau"]:
        low, high = rank["plateau"]
        ends = {"x0": low / BEYOND, "x1": high * BEYOND, "y0": axis.at(-0.06), "y1": axis.at(STRIP_FROM)}
        panel.add_shape(type="rect", name="plateau", fillcolor=PLATEAU, line_width=0, layer="below", **ends)


def _add_median(
    panel: go.Figure, curve: tuple[np.ndarray, np.ndarray], axis: Scale, color: str, name: str, **look: Any
) -> None:
    rates, losses = curve
    shown = [loss if loss <= axis.cap else None for loss in axis.drawn(losses).tolist()]
    line = {"color": color, "width": 2} | look
    panel.add_scatter(x=rates.tolist(), y=shown, mode="lines", name=name, hoverinfo="skip", line=line)


def _add_runs(panel: go.Figure, race: _Drawn, optimizer: str, style: Style) -> None:
    runs, losses, axis = race.record.runs, race.losses, race.axis
    mine, cut = (runs["optimizer"] == optimizer) & ~race.record.fresh, runs["status"] == "interrupted"
    lost = mine & ~cut & ~np.isfinite(losses)
    above = mine & ~cut & ~lost & (losses > axis.cap)
    dropped = mine & ~lost & ~above & (runs["status"] == "dropped")
    inside = mine & ~cut & ~lost & ~above & ~dropped
    varied = inside & (race.record.hyperparameters != "")
    heights, in_strip = axis.drawn(losses), np.full(len(losses), axis.at(ABOVE_AT))
    dot = {"color": style.color, "symbol": style.symbol, "size": 6, "opacity": 0.6}
    open_ = dot | {"symbol": f"{style.symbol}-open", "opacity": 0.9}
    hollow = {"color": QUIET, "symbol": "circle-open", "size": 7}
    arrow = {"color": style.color, "symbol": "arrow-up", "size": 8}
    cross = {"color": DIVERGED, "symbol": "x-thin", "size": 7, "line": {"width": 2, "color": DIVERGED}}
    _add_marks(panel, race, inside & ~varied, heights, {"name": "run", "marker": dot})
    _add_marks(
        panel,
        race,
        varied,
        heights,
        {"name": "varied", "marker": dot | {"symbol": "cross-thin", "line": {"width": 1.5, "color": style.color}}},
    )
    _add_marks(panel, race, dropped, heights, {"name": "dropped", "marker": open_})
    _add_marks(
        panel,
        race,
        mine & cut,
        np.where(losses <= axis.cap, heights, in_strip),
        {"name": "interrupted", "marker": hollow},
    )
    _add_marks(panel, race, above, in_strip, {"name": "above", "marker": arrow})
    _add_marks(panel, race, lost, np.full(len(losses), axis.at(DIVERGED_AT)), {"name": "diverged", "marker": cross})


def _add_marks(panel: go.Figure, race: _Drawn, which: np.ndarray, heights: np.ndarray, look: dict) -> None:
    if not which.any():
        return
    rates = race.record.runs["learning_rate"][which]
    own = race.record.runs["optimizer"] == race.record.runs["optimizer"][which][0]
    labels = _counts(rates, race.record.runs["learning_rate"][own])
    panel.add_scatter(
        x=rates.tolist(),
        y=heights[which].tolist(),
        mode="markers+text",
        text=labels if look["name"] in ("above", "diverged") else [""] * len(rates),
        textposition="middle right",
        textfont={"size": 10, "color": DIVERGED if look["name"] == "diverged" else INK},
        customdata=race.record.runs["run"][which].tolist(),
        hovertext=[_hover(race, int(i)) for i in np.flatnonzero(which)],
        hoverinfo="text",
        **look,
    )


def _counts(rates: np.ndarray, every: np.ndarray) -> list[str]:
    """A label a mark of the strip: their number, at the last of those that stand too close for labels of their own.

    every: all the rates of the panel, which tell how wide it is.

    >>> _counts(np.array([1.0, 0.95, 0.001, 1.0]), np.array([1e-4, 1.0]))
    ['3', '', '1', '']
    """
    close = 0.06 * float(np.log10(every.max() / every.min()))
    order = np.argsort(-rates, kind="stable")
    labels = [""] * len(rates)
    starts = np.flatnonzero(np.diff(np.log10(rates[order])) < -close) + 1
    for group in np.split(order, starts):
        labels[group[0]] = str(len(group))
    return labels


def _hover(race: _Drawn, i: int) -> str:
    runs = race.record.runs
    ending = ended_how(race.record, i)
    knobs = with_knobs(parsed_knobs(race.record.hyperparameters[i]))
    first = f"{proper_name(runs['optimizer'][i])}{knobs} at {rate(runs['learning_rate'][i])}, seed {runs['seed'][i]}"
    return f"{plotly_text(first)}<br>loss {number(race.losses[i])}, {plotly_text(ending)}"


def ended_how(record: Record, i: int) -> str:
    """How the run in row *i* of the table came to its end."""
    status, epochs = record.runs["status"][i], count(int(record.runs["epochs"][i]), "epoch")
    said = {"ok": "ran all its", "stopped": "stopped after", "diverged": "diverged after", "dropped": "dropped after"}
    return f"{said.get(status, status + ' after')} {epochs}"


def _add_rates(panel: go.Figure, race: _Drawn, optimizer: str, rank: dict | None) -> None:
    mine = (race.record.runs["optimizer"] == optimizer) & ~race.record.fresh
    rates = race.record.runs["learning_rate"][mine]
    usual = (rank or {}).get("usual_learning_rate")
    shown = [*rates.tolist(), *([usual] if usual else [])]
    panel.update_xaxes(log_axis(min(shown) / 1.6, max(shown) * 2.2, most=5))
    if usual:
        ends = {"y0": race.axis.at(-0.06), "y1": race.axis.at(STRIP_FROM)}
        line = {"color": QUIET, "width": 1, "dash": "dot"}
        panel.add_shape(type="line", x0=usual, x1=usual, **ends, line=line, layer="below", name="usual")


def _add_ring(panel: go.Figure, curve: tuple[np.ndarray, np.ndarray], rank: dict | None, axis: Scale) -> None:
    chosen = [i for i, one in enumerate(curve[0]) if rank and np.isclose(one, rank["learning_rate"] or 0, rtol=1e-6)]
    if not chosen or curve[1][chosen[0]] > axis.cap:
        return
    at, height = float(curve[0][chosen[0]]), float(axis.drawn(curve[1])[chosen[0]])
    ring = {"symbol": "circle-open", "size": 15, "color": INK, "line": {"width": 2}}
    panel.add_scatter(x=[at], y=[height], mode="markers", name="best", marker=ring, hoverinfo="skip")


def _finding(race: _Drawn, optimizer: str, rank: dict | None, unit: str) -> str:
    runs = race.record.runs
    mine = (runs["optimizer"] == optimizer) & race.record.tuned
    every = medians(race.record, race.losses, optimizer)
    rates, middles = _ended(race.record, optimizer, every)
    lost = np.isinf(race.losses) & mine
    diverged = f"{lost.sum()} of {count(int(mine.sum()), 'run')} diverged"
    said = f"Learning-rate curve of {proper_name(optimizer)}: "
    if not np.isfinite(middles).any():
        return f"{said}no learning rate has a finite median loss; {diverged}."
    best = int(np.nanargmin(middles))
    there = mine & (runs["learning_rate"] == rates[best]) & (race.record.hyperparameters == "")
    said += (
        f"the median loss is lowest, {number(middles[best])} {unit}{_all(race.losses[there])}, at {rate(rates[best])}"
    )
    ends = [i for i in sorted({0, len(rates) - 1}) if i != best]
    said += "".join(f"{', and' if i else ','} {number(middles[i])} at {rate(rates[i])}" for i in ends) + ". "
    with_others = _searched(race.record, race.losses, optimizer, rank)
    if rank and len(with_others[0]):
        least = int(np.nanargmin(with_others[1]))
        said += f"Lower{with_knobs(rank['hyperparameters'])}: {number(with_others[1][least])} at "
        said += f"{rate(with_others[0][least])}. "
    if rank and rank["plateau"]:
        said += f"As good to within noise: {interval(*rank['plateau'])}. "
    if len(rates) < len(every[0]):
        said += f"{count(len(every[0]) - len(rates), 'rate')} of {len(every[0])} dropped on the way. "
    if lost.any():
        where = runs["learning_rate"][lost]
        said += f"{diverged}, at rates from {rate(where.min())} to {rate(where.max())}. "
    return (said + _at_usual(every, rank)).replace("∞", "a diverging loss").strip()


def _all(losses: np.ndarray) -> str:
    """Between which losses a median lies: few seeds tune, and allow no interval."""
    return f" (all {len(losses)} seeds: {interval(losses.min(), losses.max())})" if len(losses) > 1 else ""


def kept_usual(record: Record) -> list[str]:
    """The optimizers whose usual rate did better on fresh seeds than the one that tuning chose, and took its place."""
    runs, found = record.runs, []
    for rank in (record.verdict or {}).get("leaderboard", []) if record.confirmed else []:
        ran = np.unique(runs["learning_rate"][record.fresh & (runs["optimizer"] == rank["optimizer"])])
        usual = rank.get("usual_learning_rate")
        if usual and len(ran) > 1 and np.isclose(rank["learning_rate"], usual, rtol=1e-6):
            found.append(rank["optimizer"])
    return found


def _at_usual(curve: tuple[np.ndarray, np.ndarray], rank: dict | None) -> str:
    usual = (rank or {}).get("usual_learning_rate")
    there = curve[1][np.isclose(curve[0], usual, rtol=1e-6)] if usual else []
    return f"The usual rate, {rate(usual)}, gives {number(there[0])}." if len(there) else ""


def rate_table(record: Record, order: list[str]) -> Table:
    """The numbers behind all panels: a row an optimizer and learning rate."""
    losses, runs, rows = scores(record), record.runs, []
    searched = bool((record.hyperparameters != "").any())
    for optimizer in order:
        mine = (runs["optimizer"] == optimizer) & record.tuned
        for one in np.unique(runs["learning_rate"][mine]):
            here = mine & (runs["learning_rate"] == one)
            middle, knobs = float(np.median(losses[here])), str(record.hyperparameters[here][0])
            ended = np.sort(losses[here])
            lost = f"{np.isinf(ended).sum()} of {len(ended)}"
            epochs = runs["epochs"][here & (runs["status"] == "dropped")]
            dropped = f"after {interval(epochs.min(), epochs.max())} epochs" if len(epochs) else "no"
            rows.append([proper_name(optimizer), rate(one), number(middle), listed(map(number, ended)), lost, dropped])
            rows[-1] += [knobs or "—"] if searched else []
    head = [*_HEAD, *(["Other hyperparameters"] if searched else [])]
    return Table("Loss of every run of the tuning, by optimizer and learning rate (∞ where it diverged)", head, rows)


_HEAD = ["Optimizer", "Learning rate", "Median loss", "Loss of each seed", "Diverged", "Dropped"]
