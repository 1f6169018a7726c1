"""Widths, depths and batch sizes have no gradient: climb over them around a fitted network."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import InputError
from ..problems import NetworkProblem
from ..search import Climb, hill_climb
from ._fit import fit_instance
from ._run import DIVERGED, Run

# Neighbours are a factor of two apart: less is within the noise of a seed.
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def climb_network(
    run: Run, *, most_runs: int = 30, on_try: Callable[[dict[str, Any], float], None] | None = None
) -> Climb:
    """Try networks around a fitted one: half and double the width, a layer less and more, half and double the batch.

    run: of a NetworkProblem; every network is trained with its optimizer, settings and seed, and scored by minus its
    lowest validation loss.  most_runs: how many to train at most.  on_try: called after each.
    The points are ``width`` (of the widest hidden layer; the others keep their share), ``depth`` and ``batch_size``.
    Raises InputError for a run of any other problem.
    """
    problem = run.problem
    if not isinstance(problem, NetworkProblem):
        raise InputError(f"Only a network has widths and depths to climb over; received {type(problem).__name__}.")
    rows = problem.instances([run.seed])[0].rows
    batch, hidden = run.settings.batch_size_for(rows), problem.network.hidden
    start = {"width": max(hidden, default=16), "depth": len(hidden), "batch_size": batch}
    space = {
        "width": sorted({max(1, round(start["width"] * factor)) for factor in _FACTORS}),
        "depth": sorted({max(0, start["depth"] + more) for more in (-2, -1, 0, 1, 2)}),
        "batch_size": sorted({min(rows, max(1, round(batch * factor))) for factor in _FACTORS}),
    }

    @functools.cache
    def trained(layers: tuple[int, ...], batch_size: int) -> float:
        around = problem.with_network(replace(problem.network, hidden=layers))
        (instance,) = around.instances([run.seed])
        settings = replace(run.settings, batch_size=batch_size)
        tried = fit_instance(around, instance, run.optimizer, settings, seed=run.seed)
        return float("-inf") if tried.status == DIVERGED else -tried.best_loss

    def score(point: dict[str, Any]) -> float:
        return trained(_layers(hidden, point["width"], point["depth"]), point["batch_size"])

    return hill_climb(space, score, start=start, most_evaluations=most_runs, on_try=on_try)


def _layers(hidden: tuple[int, ...], width: int, depth: int) -> tuple[int, ...]:
    """The fitted layers with the widest so wide, the last repeated or the last ones dropped to so many.

    >>> _layers((64, 32), 128, 3), _layers((64, 32), 64, 1), _layers((), 16, 2)
    ((128, 64, 64), (64,), (16, 16))
    """
    fitted = (hidden + hidden[-1:] * depth)[:depth] or (width,) * depth
    return tuple(max(1, round(units * width / max(hidden, default=width))) for units in fitted)
