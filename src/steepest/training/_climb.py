"""Widths, depths and batch sizes have no gradient: climb over them around a fitted network."""

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
    The points are ``width`` (of every hidden layer), ``depth`` and ``batch_size``.
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

    def score(point: dict[str, Any]) -> float:
        shape = replace(problem.network, hidden=(point["width"],) * point["depth"])
        settings = replace(run.settings, batch_size=point["batch_size"])
        around = problem.with_network(shape)
        (instance,) = around.instances([run.seed])
        tried = fit_instance(around, instance, run.optimizer, settings, seed=run.seed)
        return float("-inf") if tried.status == DIVERGED else -tried.best_loss

    return hill_climb(space, score, start=start, most_evaluations=most_runs, on_try=on_try)
