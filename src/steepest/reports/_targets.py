"""Time to target: when each optimizer's runs reached losses worth reaching, a panel a loss."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from ..pictures import DIVERGED, INK, STRIP, styles
from ..races import Reached, TimesToTargets, times_to_targets
from ..rules import proper_name
from ._directory import Record
from ._format import count, interval, number, percent, plotly_text
from ._frames import frames
from ._scale import log_axis
from ._strips import SHIFT, Marks, add_marks, add_medians, row_figure
from ._style import Chart, Table

# The strip of those that never got there, as factors of the greatest number of steps.
NEVER_FROM, NEVER_AT, NEVER_TO = 1.25, 1.6, 2.2


def targets(record: Record) -> TimesToTargets | None:
    """When targets were reached; None for a race of an old format, without a verdict, or where nothing fell."""
    tables = frames(record)
    if tables is None or record.verdict is None:
        return None
    rates = {rank["optimizer"]: rank["learning_rate"] for rank in record.verdict["leaderboard"]}
    found = times_to_targets(tables.runs, tables.curves, rates)
    return found if found and found.targets else None


def target_charts(record: Record, found: TimesToTargets, unit: str) -> list[Chart]:
    """A panel a target, the easiest first: a row an optimizer, a mark a run, misses beyond the axis."""
    names, charts = list(found.reached), []
    every = [step for own in found.reached.values() for one in own for step in one.steps if np.isfinite(step)]
    low, high = min(every), max(every)
    numbers, looks = _run_numbers(record, found), styles(names)
    for place, target in enumerate(found.targets):
        own = {name: found.reached[name][place] for name in names}
        chart = row_figure(names, [f"{one.hits} of {len(one.steps)}" for one in own.values()], shift=SHIFT)
        _set_axis(chart, low, high)
        for row, (name, one) in enumerate(own.items()):
            add_marks(chart, row, _marks(one, numbers[name], found.seeds, high), looks[name])
        _add_medians(chart, own, high)
        title = f"{_share(target.share)}: {number(target.loss)} {unit}"
        charts.append(Chart(f"target-{place}", title, chart, _finding(own, target.loss, unit)))
    return charts


def _share(share: float) -> str:
    return "The hardest" if share == 1 else f"{percent(share)} of the way"


def _run_numbers(record: Record, found: TimesToTargets) -> dict[str, np.ndarray]:
    """The number of each optimizer's run at each seed."""
    runs, numbers = record.runs, {}
    for rank in (record.verdict or {})["leaderboard"]:
        near = np.isclose(runs["learning_rate"], rank["learning_rate"], rtol=1e-6)
        own = near & (runs["optimizer"] == rank["optimizer"])
        of_seed = dict(zip(runs["seed"][own].tolist(), runs["run"][own].tolist(), strict=True))
        numbers[rank["optimizer"]] = np.array([of_seed.get(seed, -1) for seed in found.seeds])
    return numbers


def _set_axis(chart: go.Figure, low: float, high: float) -> None:
    """Steps, with a strip on the right for the runs that never got there."""
    axis = log_axis(low / 1.15, high * NEVER_TO, last_tick=high, most=5)
    every = -(-len(axis["tickvals"]) // 5)  # so that even a phone has room for their labels
    axis |= {key: axis[key][::-every] for key in ("tickvals", "ticktext")}
    chart.update_xaxes(axis, title_text="steps")
    ends = {"x0": high * NEVER_FROM, "x1": high * NEVER_TO, "y0": 0, "y1": 1, "yref": "paper"}
    chart.add_shape(type="rect", name="never", fillcolor=STRIP, line_width=0, layer="below", **ends)
    where = {"x": float(np.log10(high * NEVER_AT)), "y": 1, "yref": "paper", "yanchor": "bottom"}
    chart.add_annotation(**where, text="never", showarrow=False, font={"size": 10, "color": DIVERGED})


def _places(steps: np.ndarray, high: float) -> np.ndarray:
    return np.where(np.isfinite(steps), steps, high * NEVER_AT)


def _marks(one: Reached, numbers: np.ndarray, seeds: Sequence[int], high: float) -> Marks:
    steps, name = np.array(one.steps), proper_name(one.optimizer)
    hover = [
        plotly_text(f"{name}, seed {seed}: {_when(own, epoch)}")
        for seed, own, epoch in zip(seeds, one.steps, one.epochs, strict=True)
    ]
    return Marks(numbers, _places(steps, high), hover, ~np.isfinite(steps))


def _when(steps: float, epochs: float) -> str:
    return f"after {number(steps)} steps, epoch {epochs:g}" if np.isfinite(steps) else "never"


def _add_medians(chart: go.Figure, own: Mapping[str, Reached], high: float) -> None:
    ends = [(one.low_steps, one.high_steps) for one in own.values()]
    told = [row for row, (low, _) in enumerate(ends) if not np.isnan(low)]
    xs = [place for row in told for place in (*_places(np.array(ends[row]), high).tolist(), None)]
    ys = [place for row in told for place in (row - SHIFT, row - SHIFT, None)]
    line = {"color": INK, "width": 3}
    chart.add_scatter(x=xs, y=ys, mode="lines", name="interval", line=line, hoverinfo="skip")
    hover = [f"{plotly_text(proper_name(name))}: median {_steps(one)}" for name, one in own.items()]
    middles = np.array([one.median_steps for one in own.values()])
    add_medians(chart, _places(middles, high), "median", hover, shift=SHIFT)


def _steps(one: Reached) -> str:
    """The median number of steps with its interval."""
    if np.isnan(one.low_steps):
        return f"{number(one.median_steps)} steps"
    return f"{number(one.median_steps)} steps ({interval(one.low_steps, one.high_steps)})"


def _hits(one: Reached) -> str:
    low, high = (number(100 * end, 2) for end in (one.hit_low, one.hit_high))
    return f"{one.hits} of {len(one.steps)} ({low} to {high} %)"


def _finding(own: Mapping[str, Reached], loss: float, unit: str) -> str:
    said = [f"{proper_name(name)} {_steps(one)}, {_hits(one)}" for name, one in own.items()]
    seeds = count(len(next(iter(own.values())).steps), "seed")
    head = f"Steps until the loss is {number(loss)} {unit}, over {seeds}, a miss being infinite. The median with its "
    return f"{head}95 % interval, and how many get there, is for {'; '.join(said)}.".replace("∞", "never")


def target_table(found: TimesToTargets, unit: str, step_seconds: Mapping[str, float]) -> Table:
    """A row an optimizer and target: steps, seconds by the time of a step alone, and how many got there.

    step_seconds: by optimizer; none where they were not timed.
    """
    rows = [
        [
            proper_name(name),
            f"{number(one.target.loss)} ({percent(one.target.share)})",
            _hits(one),
            f"{number(one.median_epochs)}",
            _steps(one),
            _seconds(one, step_seconds.get(name)),
        ]
        for name, own in found.reached.items()
        for one in own
    ]
    head = ["Optimizer", f"Loss, {unit} (share of the drop)", "Seeds that reach it (95 % interval)", "Median epoch"]
    head += ["Median (95 % interval)", "Seconds, timed apart"]
    return Table("When losses are reached (∞: never)", head, rows)


def _seconds(one: Reached, step: float | None) -> str:
    if not step:
        return "—"
    middle = number(one.median_steps * step)
    return middle if np.isnan(one.low_steps) else f"{middle} ({interval(one.low_steps * step, one.high_steps * step)})"
