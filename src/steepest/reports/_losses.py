"""The loss curves: each optimizer at its recommended learning rate, every seed thin and their median thick."""

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..pictures import Style, styles, text_color
from ..races import LEAST_SEEDS
from ..rules import proper_name
from ._directory import Record
from ._format import count, interval, number, plotly_text, rate, rounded
from ._fresh import median_ends
from ._scale import Scale, scale
from ._style import Chart, Table, figure

HEIGHT, TOP, BOTTOM = 440, 16, 52
COLUMNS = ("validation_loss", "train_loss")
# More points than pixels cost bytes and show nothing.
MOST_POINTS = 400
# With more optimizers than this, their training curves and single seeds are there but hidden until asked for.
FEW = 3


class Curves(NamedTuple):
    """One optimizer's curves of one kind. epochs: shape (e,). seeds: a row a run, (r, e), NaN where it had ended.

    held, median: likewise, and their median, (e,). A run that stopped early counts with its last loss from then on, or
    the median would jump when one drops out; a run that diverged counts as infinitely bad, and where the median is
    infinite it is NaN here.
    """

    epochs: np.ndarray
    seeds: np.ndarray
    held: np.ndarray
    median: np.ndarray


def parts(record: Record) -> dict[str, str]:
    """What each column of losses is called: by the part of the data that its losses are of.

    Where nothing is held back, the loss of the whole training part after each epoch is watched; the other column is the
    mean over the epoch's minibatches.
    """
    watched = (record.facts["metric"] or {}).get("part", "validation")
    names = ("training", "minibatches") if watched == "training" else ("validation", "training")
    return dict(zip(COLUMNS, names, strict=True))


def curves(record: Record, runs: np.ndarray, part: str) -> Curves:
    """The curves of *runs* (their numbers). part: "validation_loss" or "train_loss"."""
    columns = record.curves
    mine = np.isin(columns["run"], runs)
    epochs, column = np.unique(columns["epoch"][mine], return_inverse=True)
    row = np.searchsorted(runs, columns["run"][mine])
    seeds = np.full((len(runs), len(epochs)), np.nan)
    seeds[row, column] = columns[part][mine]
    lost = np.isin(runs, record.runs["run"][record.runs["status"] == "diverged"])
    held = _held(seeds, lost)
    return Curves(epochs, seeds, held, _median(held))


def _held(seeds: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Each row with its last loss after its end, infinite where that end was a divergence.

    seeds: (r, e), NaN after a row's end.  lost: (r,), True where that end was a divergence.
    """
    held = seeds.copy()
    for row, diverged in zip(held, lost, strict=True):
        there = np.flatnonzero(np.isfinite(row))
        if len(there):
            row[there[-1] + 1 :] = np.inf if diverged else row[there[-1]]
    return held


def _median(held: np.ndarray) -> np.ndarray:
    """The median over rows, NaN where it is infinite."""
    known = held[~np.isnan(held).all(axis=1)]
    if not len(known):
        return np.full(held.shape[1], np.nan)
    middle = np.median(known, axis=0)
    return np.where(np.isfinite(middle), middle, np.nan)


def chosen_runs(record: Record, order: list[str]) -> dict[str, np.ndarray]:
    """The numbers of each optimizer's runs at its best learning rate, ascending; none for one without a best.

    Only those that the leaderboard is about: of the seeds that the verdict counts, the fresh ones where there are.
    """
    runs = record.runs
    if record.verdict is None:
        wanted = {optimizer: runs["learning_rate"][runs["optimizer"] == optimizer] for optimizer in order}
        best = {optimizer: rates[0] for optimizer, rates in wanted.items() if len(np.unique(rates)) == 1}
    else:
        best = {rank["optimizer"]: rank["learning_rate"] for rank in record.verdict["leaderboard"]}
    found = {}
    for optimizer in order:
        if best.get(optimizer):
            there = np.isclose(runs["learning_rate"], best[optimizer], rtol=1e-6) & (runs["optimizer"] == optimizer)
            found[optimizer] = np.sort(runs["run"][there & record.judged])
    return {optimizer: numbers for optimizer, numbers in found.items() if len(numbers)}


def loss_chart(record: Record, order: list[str], unit: str) -> Chart | None:
    """The chart of all optimizers' loss curves; None where no curve was stored."""
    found = chosen_runs(record, order)
    all_chosen = np.concatenate([*found.values(), np.array([], int)])
    shown = np.isin(record.curves["run"], all_chosen)
    axis, looks = _axis(record, shown), styles(order)
    if axis is None:
        return None
    chart = _frame(axis, unit)
    for optimizer in reversed(list(found)):
        for column, part in parts(record).items():
            drawn = curves(record, found[optimizer], column)
            on_axis = drawn._replace(seeds=_below(axis, drawn.seeds))
            solid = column == "validation_loss"
            _add_curves(chart, on_axis, optimizer, part, style=looks[optimizer], axis=axis, solid=solid)
    if len(found) > FEW:
        chart.update_traces(visible=False, selector=lambda trace: trace.meta["seeds"])
    if len(found) > FEW and np.isfinite(record.curves["validation_loss"][shown]).any():
        second = parts(record)["train_loss"]
        chart.update_traces(visible=False, selector=lambda trace: trace.meta["part"] == second)
    add_labels(chart, _ends(record, found), axis, HEIGHT - TOP - BOTTOM)
    return Chart("losses", "Loss curves", chart, _finding(record, found, unit))


def _axis(record: Record, shown: np.ndarray) -> Scale | None:
    validation, train = (record.curves[column][shown] for column in COLUMNS)
    if not np.isfinite([validation, train]).any():
        return None
    if np.isfinite(validation).any() and np.nanmin(validation) > 0:
        # A training loss may fall by decades more than the validation loss, which is what the chart is about.
        train = np.maximum(train, np.nanmin(validation) / 4)
    return scale(record, np.concatenate([validation, train]))


def _frame(axis: Scale, unit: str) -> go.Figure:
    chart = figure(height=HEIGHT, margin=(62, 92, TOP, BOTTOM))
    chart.update_xaxes(title_text="epoch", rangemode="tozero", fixedrange=False, zeroline=False)
    chart.update_yaxes(axis.axis(), title_text=plotly_text(f"loss, {unit}"), fixedrange=False)
    return chart.update_layout(dragmode="zoom")


def _add_curves(
    chart: go.Figure, drawn: Curves, optimizer: str, part: str, *, style: Style, axis: Scale, solid: bool
) -> None:
    """Add the median and, where there are several, all seeds as one trace with gaps between them."""
    if not np.isfinite(drawn.seeds).any():
        return
    kept = np.unique(np.linspace(0, len(drawn.epochs) - 1, MOST_POINTS).round().astype(int))
    epochs, seeds = drawn.epochs[kept], drawn.seeds[:, kept]
    look = {"color": style.color, "dash": "solid" if solid else "dash"}
    meta = {"optimizer": optimizer, "part": part}
    if len(seeds) > 1:
        xs = np.tile(np.append(epochs, np.nan), len(seeds))
        ys = np.column_stack([seeds, np.full(len(seeds), np.nan)]).ravel()
        thin = {"line": look | {"width": 1}, "opacity": 0.35, "name": "seeds", "meta": meta | {"seeds": True}}
        chart.add_scatter(x=_drawn(xs), y=_drawn(ys), mode="lines", hoverinfo="skip", **thin)
    name = f"{proper_name(optimizer)}, {part}"
    spaced = {"symbol": style.symbol, "size": 8, "color": style.color, "maxdisplayed": 9}
    chart.add_scatter(
        x=_drawn(epochs),
        y=_drawn(_below(axis, drawn.median[kept])),
        mode="lines+markers" if solid else "lines",
        name=plotly_text(name),
        line=look | {"width": 2.4 if solid else 1.6},
        marker=spaced,
        meta=meta | {"seeds": False},
        hovertext=[
            f"{plotly_text(name)}<br>epoch {e:g}: {number(m)}" for e, m in zip(epochs, drawn.median[kept], strict=True)
        ],
        hoverinfo="text",
    )


def _below(axis: Scale, losses: np.ndarray) -> np.ndarray:
    """Losses, with zeros far below a logarithmic axis, so that a line that falls to zero leaves the chart there."""
    return np.where(losses == 0, axis.low / 1000, losses) if axis.logarithmic else losses


def _drawn(values: np.ndarray) -> list[float | None]:
    return [rounded(value) for value in values.tolist()]


def _ends(record: Record, found: dict[str, np.ndarray]) -> dict[str, float]:
    """The last median loss of each optimizer's line; none of one without a line."""
    ends = {}
    for optimizer, runs in found.items():
        drawn = [curves(record, runs, column).median for column in COLUMNS]
        last = [median[np.isfinite(median)][-1:] for median in drawn]
        if any(len(end) for end in last):
            ends[optimizer] = float(next(end[0] for end in last if len(end)))
    return ends


def add_labels(chart: go.Figure, ends: dict[str, float], axis: Scale, height: int) -> None:
    """Write each optimizer's name right of the plot, at the height where its line ends or as near as there is room.

    ends: the loss there, by optimizer.  height: of the plot without its margins, px.
    """
    room = 15 / height * 1.11
    heights = spread([min(axis.share(end), 1.0) for end in ends.values()], room, lowest=-0.03, highest=1.03)
    looks = styles(ends)
    for optimizer, place in zip(ends, heights, strict=True):
        text, color = plotly_text(proper_name(optimizer), 12), text_color(looks[optimizer].color)
        where = {"xref": "paper", "x": 1, "yref": "paper", "y": (place + 0.06) / 1.11}
        font = {"color": color, "size": 12}
        chart.add_annotation(
            **where, text=text, name=optimizer, xanchor="left", yanchor="middle", xshift=6, showarrow=False, font=font
        )


def spread(heights: list[float], room: float, *, lowest: float, highest: float) -> list[float]:
    """Move heights apart until neighbours are *room* apart, keeping their order and staying inside if all fit.

    >>> [round(height, 2) for height in spread([0.5, 0.5, 0.0], 0.1, lowest=0.0, highest=1.0)]
    [0.5, 0.6, 0.0]
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    floor = lowest
    for i in order:
        moved[i] = max(moved[i], floor)
        floor = moved[i] + room
    ceiling = highest
    for i in reversed(order):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - room
    return moved


def _finding(record: Record, found: dict[str, np.ndarray], unit: str) -> str:
    said = []
    for optimizer, runs in found.items():
        drawn, part = curves(record, runs, "validation_loss"), parts(record)["validation_loss"]
        if not np.isfinite(drawn.median).any():
            drawn, part = curves(record, runs, "train_loss"), "training"
        if np.isfinite(drawn.median).any():
            at = int(np.nanargmin(drawn.median))
            told = f"{number(drawn.median[at])}{_sure(drawn, at)} at epoch {drawn.epochs[at]:g}"
            said.append((float(drawn.median[at]), f"{proper_name(optimizer)} {told}"))
            kind = part
    seeds = max(len(runs) for runs in found.values())
    sure = ", with its 95 % interval," if seeds >= LEAST_SEEDS else ""
    over = f"Median {kind} loss over {count(seeds, 'seed')}" if seeds > 1 else f"{kind.capitalize()} loss"
    return f"Loss by epoch. {over} is lowest{sure} for: {'; '.join(words for _, words in sorted(said))} ({unit})."


def _sure(drawn: Curves, at: int) -> str:
    """The 95 % interval of a median, which fewer than six seeds do not allow."""
    here = drawn.held[:, at]
    ends = median_ends(here) if np.isfinite(drawn.median[at]) and not np.isnan(here).any() else None
    return f" ({interval(*ends)})" if ends else ""


def loss_table(record: Record, order: list[str]) -> Table:
    """Median losses at up to 20 epochs, two columns an optimizer."""
    found = chosen_runs(record, order)
    drawn = {(optimizer, part): curves(record, runs, part) for optimizer, runs in found.items() for part in COLUMNS}
    epochs = np.unique(np.concatenate([one.epochs for one in drawn.values()]))
    kept = epochs[np.unique(np.linspace(0, len(epochs) - 1, 20).round().astype(int))]
    rows = [[f"{epoch:g}", *(_at(one, epoch) for one in drawn.values())] for epoch in kept]
    rates = {o: record.runs["learning_rate"][np.isin(record.runs["run"], runs)][0] for o, runs in found.items()}
    head = [f"{proper_name(o)} at {rate(rates[o])}, {parts(record)[column]}" for o, column in drawn]
    return Table(
        "Median loss over seeds (95 % interval), by epoch; a run that stopped counts with its last loss",
        ["Epoch", *head],
        rows,
    )


def _at(drawn: Curves, epoch: float) -> str:
    where = np.flatnonzero(drawn.epochs == epoch)
    return f"{number(drawn.median[where[0]])}{_sure(drawn, where[0])}" if len(where) else "—"
