"""The loss over the whole plane of two parameters, over a plane through many, and between two solutions."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..errors import InputError
from ..functions import Stationary, Surface
from ..pictures import number
from ..problems import Instance, NetworkProblem
from ..rules import proper_name
from ..training import Run
from ._critical import critical_points
from ._directions import filter_normalised, principal, projected
from ._landscape import Between, Landscape, Path, Point
from ._slice import at_points, line, on_plane, plane
from ._walk import Way, named_apart

DIRECTIONS = ("path", "random", "hessian")
# Half the width of a plane in random directions, as long as the parameters' own.
_SPAN = 1.0
# Newton's method finds the stationary points of a surface of which not all are known from so many starts.
_STARTS = 400
# Margins around paths, as a share of their extent; the smaller side has that share of the larger at least.
_MARGIN, _LEAST_SIDE = 0.18, 0.4


def whole(
    problem: Any, instance: Instance, ways: Sequence[Way], *, points: int, span: float | None, rows: int | None
) -> Landscape:
    """A loss of two parameters, which are the coordinates themselves."""
    flat, unravel = _flat(instance)
    unit = [unravel(jnp.asarray(one, flat.dtype)) for one in ((0, 0), (1, 0), (0, 1))]
    batch = thinned(instance.train, rows)
    paths = _paths(instance, ways, unit, batch)
    surface = problem if isinstance(problem, Surface) else None
    low, high = _box(surface, paths, np.asarray(flat, float), span)
    grid = [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]
    seen = plane(instance.loss, unit[0], unit[1], unit[2], batch, along=grid[0], across=grid[1])
    _check_some_finite(seen.losses)
    about = "two parameters" if surface is None else surface.formula
    found = () if surface is None else stationary(surface)
    return Landscape(problem.name, about, seen, ("x", "y"), paths, found, counted=_counted(instance, ways))


def _box(
    surface: Surface | None, paths: Sequence[Path], begun: np.ndarray, span: float | None
) -> tuple[np.ndarray, np.ndarray]:
    if span is not None:
        middle = begun if surface is None else np.array(surface.box).mean(axis=1)
        return middle - span, middle + span
    if surface is not None:
        low, high = np.array(surface.box, float).T
        return low, high
    return _window(paths, begun[None])


def stationary(surface: Surface) -> tuple[Point, ...]:
    """The stationary points of a surface of two dimensions: those known, and Newton's where these are not all."""
    known = [_point(*one.at, known=one, surface=surface) for one in surface.stationary]
    if surface.complete:
        return tuple(known)
    found = [
        Point(float(one.at[0]), float(one.at[1]), one.value, one.kind, tuple(one.eigenvalues.tolist()))
        for one in critical_points(surface, starts=_STARTS)
    ]
    size = np.ptp(np.array(surface.box), axis=1).max()
    others = [one for one in found if not any(_apart(one, other) < 1e-3 * size for other in known)]
    return tuple(sorted([*known, *others], key=lambda one: one.value))


def _point(along: float, across: float, *, known: Stationary, surface: Surface) -> Point:
    """A known point as it is on a plane; at a kink it has no eigenvalues."""
    curvature = np.asarray(jax.hessian(surface.value)(jnp.asarray(known.at)), float)
    values = np.linalg.eigvalsh(curvature).tolist() if np.isfinite(curvature).all() else ()
    return Point(along, across, known.value, known.kind, tuple(values))


def _apart(one: Point, other: Point) -> float:
    return float(np.hypot(one.along - other.along, one.across - other.across))


def slice_of(
    problem: Any, instance: Instance, ways: Sequence[Way], centre: Any, directions: str, *, points: int,
    span: float | None, rows: int | None, seed: int,
) -> Landscape:  # fmt: skip
    """A plane through a space of many parameters."""
    batch = thinned(instance.train, rows)
    middle = _centre(problem, ways, centre)
    explained = curvatures = None
    axes = ("first random direction", "second random direction")
    if directions == "path":
        if not ways:
            raise InputError("There is no way whose directions could be taken. Give around=run, or optimizers.")
        found = principal([at for way in ways for at in way.points], middle)
        first, second, explained = found.first, found.second, found.explained
        axes = ("first principal direction", "second principal direction")
    elif directions == "hessian":
        first, second, curvatures = _curved(instance, middle, batch)
        axes = ("direction of the highest curvature", "direction of the lowest curvature")
    else:
        first, second = (filter_normalised(middle, 2 * seed + part) for part in (0, 1))
    trees = (middle, first, second)
    # A way says something on a plane only where the plane was laid along it.
    paths = _paths(instance, ways, trees, batch) if directions == "path" else ()
    if span is None and directions == "path":
        low, high = _window(paths, np.zeros((1, 2)))
    elif span is None and curvatures is not None:
        low, high = _curved_extent(instance, trees, batch, curvatures)
    else:
        low, high = np.full(2, -(span or _SPAN)), np.full(2, span or _SPAN)
    grid = [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]
    seen = plane(instance.loss, *trees, batch, along=grid[0], across=grid[1])
    _check_some_finite(seen.losses)
    found_points = _known_on(problem, trees) if isinstance(problem, Surface) else ()
    return Landscape(
        problem.name, _about(problem), seen, axes, paths, found_points, directions, explained, curvatures,
        counted=_counted(instance, ways), loss=_loss(problem),
    )  # fmt: skip


def _centre(problem: Any, ways: Sequence[Way], centre: Any) -> Any:
    """Where the plane has its centre: given, or the known minimum nearest to the end of the first way, or that end."""
    if centre is not None:
        return centre
    if not ways:
        if isinstance(problem, Surface) and problem.minima:
            return jnp.asarray(problem.minima[0].at, jnp.float32)
        raise InputError("A plane needs a centre: give around=run, or optimizers whose ways to lay it along.")
    end = ways[0].points[-1]
    if isinstance(problem, Surface) and problem.minima:
        nearest = min(problem.minima, key=lambda one: float(np.linalg.norm(np.asarray(one.at) - end)))
        return jnp.asarray(nearest.at, jnp.float32)
    return jax.tree.map(jnp.asarray, end)


def _curved(instance: Instance, middle: Any, batch: Any) -> tuple[Any, Any, tuple[float, float]]:
    """The unit directions of the highest and lowest curvature, and these, the lowest first."""
    from ..diagnosis import spectrum

    found = spectrum(instance.loss, middle, batch)
    return found.highest_vector, found.lowest_vector, (found.lowest, found.highest)


def _curved_extent(
    instance: Instance, trees: tuple, batch: Any, curvatures: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    # Where a parabola of that curvature would have risen, or fallen, by the loss itself; no further than a tenth of the
    # parameters' length, and no nearer than a thousandth of it.
    height = abs(float(on_plane(instance.loss, trees, batch, np.zeros((1, 2)))[0])) or 1.0
    length = float(np.linalg.norm(np.asarray(ravel_pytree(trees[0])[0], float))) or 1.0
    low, high = curvatures
    sides = [np.sqrt(2 * height / abs(one)) if one else np.inf for one in (high, low)]
    half = np.clip(sides, 1e-3 * length, 0.1 * length)
    return -half, half


def _window(paths: Sequence[Path], besides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least rectangle that holds all paths and some points, with margins."""
    places = np.concatenate([np.stack([path.along, path.across], axis=1) for path in paths] + [besides])
    low, high = places.min(axis=0), places.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    half = np.maximum(half, _LEAST_SIDE * half.max()) * (1 + 2 * _MARGIN)
    half = np.where(half > 0, half, 1.0)
    return middle - half, middle + half


def _paths(instance: Instance, ways: Sequence[Way], trees: Sequence[Any], batch: Any) -> tuple[Path, ...]:
    """Ways as they are seen on a plane, with the true losses of their points beside the plane's."""
    paths = []
    for way, name in zip(ways, named_apart(ways), strict=True):
        on = projected(way.points, *trees)
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *way.points)
        true = np.asarray(at_points(instance.loss, stacked, batch), np.float64)
        there = on_plane(instance.loss, tuple(trees), batch, np.stack([on.along, on.across], axis=1))
        paths.append(
            Path(
                name, way.optimizer, way.rate, way.steps, on.along, on.across, on.off_plane,
                np.where(np.isfinite(true), true, np.inf), there, way.diverged,
            )
        )  # fmt: skip
    return tuple(paths)


def _known_on(surface: Surface, trees: tuple) -> tuple[Point, ...]:
    """The known stationary points that are on a plane."""
    if not surface.stationary:
        return ()
    on = projected([jnp.asarray(one.at, jnp.float32) for one in surface.stationary], *trees)
    size = np.ptp(np.array(surface.box), axis=1).max()
    return tuple(
        _point(a, b, known=one, surface=surface)
        for one, a, b, off in zip(surface.stationary, *map(np.ndarray.tolist, on), strict=True)
        if off < 1e-5 * size
    )


def interpolation(
    problem: Any, instance: Instance, first: Run, second: Run, *, points: int, rows: int | None
) -> Between:
    """The loss on the straight way from one run's parameters to another's."""
    shares = np.linspace(-0.25, 1.25, points)
    batch = thinned(instance.train, rows)
    two = (first.parameters, second.parameters)
    train = line(instance.loss, *two, batch, shares=shares)[1]
    held = instance.validation
    validation = None if held is None else line(instance.loss, *two, thinned(held, rows), shares=shares)[1]
    ends = line(instance.loss, *two, batch, shares=[0.0, 1.0])[1]
    names = [
        f"{proper_name(run.optimizer.name)}, rate {number(run.optimizer.learning_rate)}, seed {run.seed}"
        for run in (first, second)
    ]
    return Between(
        problem.name, _about(problem), (names[0], names[1]), shares, train, validation,
        (float(ends[0]), float(ends[1])), f"training {_loss(problem)}",
    )  # fmt: skip


def thinned(data: Any, rows: int | None) -> Any:
    """So many evenly spaced rows of data; all where there are no more, or none are asked for."""
    leaves = jax.tree.leaves(data)
    if not leaves or rows is None or leaves[0].shape[0] <= rows:
        return data
    kept = np.linspace(0, leaves[0].shape[0] - 1, rows).round().astype(int)
    return jax.tree.map(lambda array: array[kept], data)


def _flat(instance: Instance) -> tuple[jax.Array, Any]:
    return ravel_pytree(instance.init(jax.random.key(0)))


def _counted(instance: Instance, ways: Sequence[Way]) -> str:
    return "epoch" if any(way.by_epoch for way in ways) and instance.rows > 1 else "step"


def _check_some_finite(losses: np.ndarray) -> None:
    if not np.isfinite(losses).any():
        raise InputError("The loss is finite at no point of the plane. Give a smaller span.")


def _about(problem: Any) -> str:
    if isinstance(problem, Surface):
        return f"{problem.formula}, {problem.dimensions} dimensions"
    if isinstance(problem, NetworkProblem):
        units = "-".join(map(str, problem.network.hidden)) or "no"
        return f"a network of {units} hidden units, {problem.network.activation}"
    return "a loss of many parameters"


def _loss(problem: Any) -> str:
    """What a height is called."""
    named = {"squared_error": "squared error, standardised", "huber": "Huber loss, standardised"}
    if isinstance(problem, NetworkProblem):
        return named.get(problem.loss, "cross-entropy, nats")
    return "height" if isinstance(problem, Surface) else "loss"
