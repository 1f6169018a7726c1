"""The verb: what is to be seen of a problem, and from where."""

from collections.abc import Sequence
from typing import Any, NamedTuple, overload

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from ..errors import InputError, unknown
from ..optimizer import Optimizer, optimizer
from ..problems import Instance, NetworkProblem, check_minimised, start
from ..rules import Rule
from ..training import Run, Settings, Training
from ._landscape import Between, Landscape
from ._planes import DIRECTIONS, interpolation, slice_of, whole
from ._walk import Told, Way, followed, replayed, walk

_POINTS, _STEPS, _ROWS = 101, 300, 1000
# Of so few parameters every step is kept; larger problems and networks are trained and looked at once an epoch.
_FEW = 64
Trained = Optimizer | Rule | str | Run


@overload
def landscape(
    problem: Any, optimizers: Sequence[Trained] | Trained = (), *, around: Run | None = None, between: None = None,
    directions: str | None = None, steps: int = _STEPS, points: int = _POINTS, span: float | None = None,
    rows: int | None = _ROWS, batch_size: int | None = None, seed: int = 0, watch: Told | None = None,
) -> Landscape: ...  # fmt: skip


@overload
def landscape(
    problem: Any, *, around: Run, between: Run, points: int = _POINTS, rows: int | None = _ROWS
) -> Between: ...


def landscape(
    problem: Any,
    optimizers: Sequence[Trained] | Trained = (),
    *,
    around: Run | None = None,
    between: Run | None = None,
    directions: str | None = None,
    steps: int = _STEPS,
    points: int = _POINTS,
    span: float | None = None,
    rows: int | None = _ROWS,
    batch_size: int | None = None,
    seed: int = 0,
    watch: Told | None = None,
) -> Landscape | Between:
    """What a loss looks like, and how trainings go through it.

    problem: a function of two numbers is drawn whole, over its box, with its stationary points; anything else is seen
    on a plane through its parameters.
    optimizers: whose ways to draw: optimizers, rules or names, or runs. On a function a name goes at the best of 17
    rates, each step is drawn, and *steps* says how many; a network is trained as *around* was.
    around: a run, at whose parameters the plane has its centre, and whose way is drawn from its seed again.
    between: another run of the problem; the loss on the straight way from *around* to it is drawn instead.
    directions: of the plane. ``path``: the principal directions of the ways together, which is usual where there is
    one; ``random``: two at random, of lengths that make networks comparable, which is usual where there is none;
    ``hessian``: of the highest and the lowest curvature.
    points: of the grid, along each side.  span: half the width of the plane in lengths of its directions.
    rows: of the training data, evenly spaced, that stand for all; None takes all.
    batch_size: as in ``fit``.  seed: as there where no run is given; draws the random directions.
    watch: hears how many points of a way are known, and of how many.
    Raises InputError for a function of one number, a plane without a centre, an unknown direction, a run of another
    problem, one that left what is finite at once, and numbers out of range.

    >>> from steepest import functions
    >>> seen = landscape(functions.rosenbrock(), "adam", steps=200)
    >>> [point.kind for point in seen.points], bool(seen.paths[0].losses[-1] < 1)
    (['minimum'], True)
    """
    _check(problem, around, between, directions, steps=steps, points=points, rows=rows, span=span)
    drawn, seed = seed, seed if around is None else around.seed
    (instance,) = problem.instances([seed])
    begun, _ = start(instance.init, seed)
    for run in (one for one in (around, between) if one is not None):
        _check_shape(run, begun)
    if between is not None:
        if around is None:
            raise InputError("between is the run at the other end: give around=run as well.")
        return interpolation(problem, instance, around, between, points=points, rows=rows)
    size = ravel_pytree(begun)[0].size
    if size < 2:
        raise InputError(f"{problem.name} has one parameter, which is a curve and no landscape. Give two or more.")
    listed = [optimizers] if isinstance(optimizers, str | Optimizer | Run) or callable(optimizers) else [*optimizers]
    chosen = ([] if around is None or around in listed else [around]) + listed
    asked = _Asked(problem, instance, size, around, steps, batch_size, seed, watch)
    ways = [_way(one, asked) for one in chosen]
    if size == 2:
        if directions is not None:
            raise InputError(f"{problem.name} has two parameters and is drawn whole; directions are for more.")
        return whole(problem, instance, ways, points=points, span=span, rows=rows)
    centre = None if around is None else around.parameters
    directions = directions or ("path" if ways else "random")
    return slice_of(problem, instance, ways, centre, directions, points=points, span=span, rows=rows, seed=drawn)


class _Asked(NamedTuple):
    """What ways are made of.  size: how many parameters there are; the others as in ``landscape``."""

    problem: Any
    instance: Instance
    size: int
    around: Run | None
    steps: int
    batch_size: int | None
    seed: int
    watch: Told | None


def _way(one: Trained, asked: _Asked) -> Way:
    """The way of a run, or of an optimizer that is yet to run."""
    if isinstance(one, Run):
        _check_shape(one, start(asked.instance.init, asked.seed)[0])
        (own,) = one.problem.instances([one.seed])
        return replayed(one, own, told=asked.watch)
    if asked.size <= _FEW and not isinstance(asked.problem, NetworkProblem):
        way = walk(
            asked.problem, one, asked.steps, instance=asked.instance, batch_size=asked.batch_size, seed=asked.seed
        )
        if asked.watch is not None:
            asked.watch(len(way.points), asked.steps + 1)
        return way
    settings = Settings(batch_size=asked.batch_size) if asked.around is None else asked.around.settings
    chosen = one if isinstance(one, Optimizer) else optimizer(one)
    training = Training(asked.problem, asked.instance, chosen, settings, seed=asked.seed)
    return followed(training, settings.epochs, told=asked.watch)


def _check(
    problem: Any, around: Any, between: Any, directions: Any, *, steps: int, points: int, rows: Any, span: Any
) -> None:
    if isinstance(problem, Run):
        raise InputError("landscape takes a problem first. Try landscape(run.problem, around=run).")
    check_minimised(problem)
    for name, run in (("around", around), ("between", between)):
        if run is not None and not isinstance(run, Run):
            raise InputError(f"{name} is a run that fit returned; received {type(run).__name__}.")
    if directions is not None and directions not in DIRECTIONS:
        raise unknown("direction", directions, DIRECTIONS)
    limits = {"steps": (steps, 1, 100_000, _STEPS), "points": (points, 3, 1001, _POINTS)}
    if rows is not None:
        limits["rows"] = (rows, 1, 10**9, _ROWS)
    for name, (value, least, most, usual) in limits.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
            raise InputError(f"{name} is a whole number from {least} to {most:,}; received {value!r}. Try {usual}.")
    if span is not None and not (isinstance(span, int | float) and 0 < span < np.inf):
        raise InputError(f"span is positive and finite; received {span!r}. Try 1.")


def _check_shape(run: Run, like: Any) -> None:
    given, wanted = (jax.tree.map(np.shape, one) for one in (run.parameters, like))
    if given != wanted:
        raise InputError(
            f"The run of {run.problem.name} has parameters of other shapes than the problem, so that they are no "
            "places in it. Give a run of this very problem."
        )
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.parameters)):
        raise InputError("The run's parameters are not finite. Fit it again with a smaller learning rate.")
