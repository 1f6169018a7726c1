"""Discrete parameters have no gradient: climb to the best neighbour until none is better."""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InputError, unknown


@dataclass(frozen=True)
class Climb:
    """best: the point where no neighbour scored higher.  score: its score.

    trail: every point moved to, from the start, with its score.  tried: every point scored, in order.
    at_peak: False where the evaluations ran out first.
    """

    best: dict[str, Any]
    score: float
    trail: tuple[tuple[dict[str, Any], float], ...]
    tried: tuple[tuple[dict[str, Any], float], ...]
    at_peak: bool


def hill_climb(
    space: Mapping[str, Sequence[Hashable]],
    score: Callable[[dict[str, Any]], float],
    *,
    start: Mapping[str, Any] | None = None,
    most_evaluations: int = 100,
    on_try: Callable[[dict[str, Any], float], None] | None = None,
) -> Climb:
    """Steepest ascent over a grid of discrete parameters; it ends at a local maximum, which need not be the global one.

    space: the ordered choices of each parameter.  score: to maximise; NaN counts as minus infinity.
    start: a point of the space, the middle of each list if not given.  A neighbour differs in one parameter, by one
    place in its list. No point is scored twice.  on_try: called after each evaluation.
    Raises InputError for an empty list, one with repeats, a start outside the space, or no evaluation allowed.
    Source: Russell & Norvig, Artificial Intelligence, "hill-climbing search" (steepest-ascent version).

    >>> climb = hill_climb({"x": range(10), "y": range(10)}, lambda p: -((p["x"] - 7) ** 2) - (p["y"] - 2) ** 2)
    >>> climb.best, climb.score
    ({'x': 7, 'y': 2}, 0)
    """
    choices = {name: list(values) for name, values in space.items()}
    _check(choices, most_evaluations)
    here = _start(choices, start)
    scores: dict[tuple[int, ...], float] = {}

    def point(position: tuple[int, ...]) -> dict[str, Any]:
        return {name: values[i] for (name, values), i in zip(choices.items(), position, strict=True)}

    def value(position: tuple[int, ...]) -> float:
        if position not in scores:
            got = score(point(position))
            scores[position] = float("-inf") if math.isnan(got) else got
            if on_try is not None:
                on_try(point(position), scores[position])
        return scores[position]

    trail = [(point(here), value(here))]
    at_peak = False
    while not at_peak:
        around = list(_neighbours(here, choices))
        if sum(n not in scores for n in around) > most_evaluations - len(scores):
            break
        best = max(around, key=value, default=here)
        at_peak = value(best) <= value(here)
        if not at_peak:
            here = best
            trail.append((point(here), value(here)))
    tried = tuple((point(position), got) for position, got in scores.items())
    return Climb(point(here), scores[here], tuple(trail), tried, at_peak)


def _check(choices: Mapping[str, list], most_evaluations: int) -> None:
    if not isinstance(most_evaluations, int) or most_evaluations < 1:
        raise InputError(f"most_evaluations must be a whole number, 1 or more; received {most_evaluations!r}. Try 100.")
    empty = [name for name, values in choices.items() if not values]
    if empty or not choices:
        raise InputError(f"Every parameter needs at least one choice; received none for {', '.join(empty) or 'any'}.")
    for name, values in choices.items():
        if len(set(values)) < len(values):
            raise InputError(
                f"The choices of {name} must differ, or a point would be scored twice; received {values}. "
                "Drop the repeats."
            )


def _start(choices: Mapping[str, list], start: Mapping[str, Any] | None) -> tuple[int, ...]:
    if start is None:
        return tuple(len(values) // 2 for values in choices.values())
    for name in start:
        if name not in choices:
            raise unknown("parameter of the start", name, choices)
    for name, values in choices.items():
        if start.get(name) not in values:
            raise InputError(
                f"The start's {name} is {start.get(name)!r}, which is not among {values}. Start inside the space."
            )
    return tuple(values.index(start[name]) for name, values in choices.items())


def _neighbours(position: tuple[int, ...], choices: Mapping[str, list]) -> Iterator[tuple[int, ...]]:
    for axis, values in enumerate(choices.values()):
        for place in (position[axis] - 1, position[axis] + 1):
            if 0 <= place < len(values):
                yield (*position[:axis], place, *position[axis + 1 :])
