"""A landscape in sentences."""

from collections.abc import Iterable

import numpy as np

from ..pictures import number
from ._landscape import Between, Landscape, Path, Point

_MOST_NAMED = 6


def of_landscape(seen: Landscape) -> str:
    """What a landscape shows."""
    told = [_plane(seen), _scale(seen)]
    if seen.explained is not None:
        told.append(_explained(seen))
    if seen.curvatures is not None:
        low, high = map(number, seen.curvatures)
        told.append(f"The Hessian's eigenvalues at the centre go from {low} to {high}.")
    told += _points(seen.points)
    told += [of_path(seen, path) for path in seen.paths]
    return " ".join(told)


def _plane(seen: Landscape) -> str:
    x, y = (f"{name} from {_range(at)}" for name, at in zip(seen.axes, _ends(seen), strict=True))
    whole = "Contours and relief" if seen.directions is None else "A plane through the loss"
    return f"{whole} of {seen.name} ({seen.about}): {x}, {y}."


def _scale(seen: Landscape) -> str:
    found = seen.slice.losses[np.isfinite(seen.slice.losses)]
    high = number(float(found.max())) if found.size else "∞"
    along, across, low = seen.slice.lowest
    on = " on a logarithmic scale above the lowest" if seen.heights.logarithmic else ""
    where = place(seen, along, across)
    return f"Heights ({seen.loss}) are drawn{on}; on the grid they go from {number(low)} at {where} to {high}."


def place(seen: Landscape, along: float, across: float) -> str:
    """A point of the plane; what is next to nothing beside the plane's width is 0."""
    told = [
        number(0.0 if abs(at) < 1e-4 * np.ptp(axis) else float(at))
        for at, axis in zip((along, across), _ends(seen), strict=True)
    ]
    return f"({', '.join(told)})"


def _explained(seen: Landscape) -> str:
    assert seen.explained is not None
    first, second = (f"{100 * share:.1f} %" for share in seen.explained)
    several = "the paths' variance; they are" if len(seen.paths) > 1 else "the path's variance; it is"
    return (
        f"The two directions hold {first} and {second} of {several} at most {number(seen.furthest_off)} off the plane."
    )


def _points(points: Iterable[Point]) -> list[str]:
    told = []
    for kind in ("minimum", "saddle", "maximum", "degenerate"):
        of = [point for point in points if point.kind == kind]
        if not of:
            continue
        where = [f"({number(one.along)}, {number(one.across)}) of height {number(one.value)}" for one in of]
        more = f" and {len(of) - _MOST_NAMED} more" if len(of) > _MOST_NAMED else ""
        several = {"minimum": "minima", "maximum": "maxima", "degenerate": "degenerate points"}
        noun = several.get(kind, f"{kind}s") if len(of) > 1 else {"degenerate": "degenerate point"}.get(kind, kind)
        told.append(f"{noun.capitalize()} at {', '.join(where[:_MOST_NAMED])}{more}.")
    return told


def of_path(seen: Landscape, path: Path) -> str:
    """One path: from where, to where, how low."""
    begun, ended = (place(seen, path.along[i], path.across[i]) for i in (0, -1))
    count = int(path.steps[-1])
    steps = f"{count} {seen.counted}{'' if count == 1 else 's'}"
    if path.diverged:
        return f"{path.name} starts at {begun} and diverges after {steps}, at a height of {number(path.losses[-1])}."
    return (
        f"{path.name} goes from {begun}, height {number(path.losses[0])}, in {steps} to {ended}, height "
        f"{number(path.losses[-1])}{_nearest_minimum(seen, path)}."
    )


def _nearest_minimum(seen: Landscape, path: Path) -> str:
    minima = [point for point in seen.points if point.kind == "minimum"]
    if not minima:
        return ""
    far = min(np.hypot(path.along[-1] - one.along, path.across[-1] - one.across) for one in minima)
    return f", {number(float(far))} from the nearest minimum"


def of_between(seen: Between) -> str:
    """What an interpolation shows."""
    first, second = seen.names
    highest = int(np.argmax(np.where((seen.shares >= 0) & (seen.shares <= 1), seen.train, -np.inf)))
    rise = seen.barrier
    ends = f"{number(seen.ends[0])} at {first}, {number(seen.ends[1])} at {second}"
    flat = rise <= 1e-3 * max(abs(end) for end in seen.ends)
    barrier = (
        "There is no barrier between them."
        if flat
        else f"Between them it rises to {number(seen.train[highest])}, {100 * seen.shares[highest]:.0f} % of the way: "
        f"a barrier of {number(rise)} above the straight line from one to the other."
    )
    return f"The {seen.loss} of {seen.name} on the straight way between two solutions: {ends}. {barrier}"


def _ends(seen: Landscape) -> tuple[np.ndarray, np.ndarray]:
    return seen.slice.along, seen.slice.across


def _range(at: np.ndarray) -> str:
    return f"{number(float(at[0]))} to {number(float(at[-1]))}"
