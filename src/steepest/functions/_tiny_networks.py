"""Networks of a few weights whose stationary points are known, as surfaces over the vector of their weights."""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError
from ._classics import Start
from ._surface import Stationary, Surface


def xor_network(start: Start = (0.5, -0.4, 0.3, 0.6, 0.1, -0.2, 0.4, 0.5, 0.0)) -> Surface:
    """Exclusive or by two tanh units: the mean over x in {-1, 1}^2 of (v . tanh(W x + b) + c + x_1 x_2)^2.

    A point is (W row by row, b, v, c), nine numbers. Whatever is constant has height 1. With W = 0 and
    c = -v . tanh(b) it is stationary: at 0 with a Hessian that is 0 but for c, so that eigenvalues do not tell; for
    others, such as b = (1, -1) and v = (1, 1), a saddle, where 2 |tanh b| > |v| (1 - tanh^2 b) for a unit. Exact
    solutions are no points but sets. Every finite point that is no solution has a way down from it.
    Sources: Hamey 1998, Neural Networks 11, 669-681; Sprinkhuizen-Kuyper & Boers 1999, Annals of Mathematics and
    Artificial Intelligence 25, 107-136.
    """
    x = np.array(list(itertools.product((-1.0, 1.0), repeat=2)))

    def value(p: Array) -> Array:
        weights, biases, heights, last = p[:4].reshape(2, 2), p[4:6], p[6:8], p[8]
        inputs = jnp.asarray(x, p.dtype)
        return jnp.mean((jnp.tanh(inputs @ weights.T + biases) @ heights + last + inputs[:, 0] * inputs[:, 1]) ** 2)

    # An even function of x_1 + x_2 in {-2, 0, 2}, which must be -1, 1, -1 there: two equations for its height and c.
    height = 2 / (2 * math.tanh(1) - math.tanh(3) + math.tanh(1))
    solution = (1.0, 1.0, 1.0, 1.0, 1.0, -1.0, height, -height, 1 - 2 * height * math.tanh(1))
    return Surface(
        value, name="xor_network", formula="mean over x of (v . tanh(W x + b) + c + x_1 x_2)^2", source="Hamey 1998",
        start=start, box=((-2, 2),) * 9, complete=False,
        stationary=[
            Stationary(solution, 0.0, "degenerate"), Stationary((0.0,) * 9, 1.0, "degenerate"),
            Stationary((0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 1.0, 1.0, 0.0), 1.0, "saddle"),
        ],
    )  # fmt: skip


def linear_network(
    strengths: Sequence[float] = (3.0, 2.0, 1.0), *, hidden: int = 2, start: Start | None = None
) -> Surface:
    """Two linear layers, all of whose stationary points are known: |W2 W1 - diag(s)|^2 / 2.

    A point is W1 (hidden, n) and then W2 (n, hidden), row by row. For each set of at most *hidden* strengths there is
    a family of stationary points at which W2 W1 has these and no others, half the sum of the other strengths' squares
    high; one of each is given, W1 and W2 sharing each strength alike. All are saddles but that of the largest, the
    minimum, which is a family, too: its lowest eigenvalues are 0. ``linear_network_index`` counts the ways down.
    strengths: of what is to be learned along each direction of the inputs, positive and all different.
    start: small weights of both signs unless given.
    Raises InputError for strengths that are not positive or not different, and for no hidden units or too many.
    Source: Baldi & Hornik 1989, Neural Networks 2, 53-58.
    """
    sizes = _strengths(strengths, hidden)
    n = len(sizes)

    def value(p: Array) -> Array:
        first, second = p[: hidden * n].reshape(hidden, n), p[hidden * n :].reshape(n, hidden)
        return jnp.sum((second @ first - jnp.diag(jnp.asarray(sizes, p.dtype))) ** 2) / 2

    stationary = []
    for count in range(hidden + 1):
        for chosen in itertools.combinations(range(n), count):
            height = sum(size**2 for i, size in enumerate(sizes) if i not in chosen) / 2
            way_down = linear_network_index(sizes, hidden, chosen) > 0
            at = _factors(sizes, hidden, chosen)
            stationary.append(Stationary(at, height, "saddle" if way_down else "degenerate"))
    small = tuple((0.01 * np.cos(np.arange(2 * hidden * n) ** 2)).tolist())
    return Surface(
        value, name="linear_network", formula="|W2 W1 - diag(s)|^2 / 2", source="Baldi & Hornik 1989",
        start=small if start is None else start, box=((-2, 2),) * (2 * hidden * n), stationary=stationary,
        complete=False,
    )  # fmt: skip


def linear_network_index(strengths: Sequence[float], hidden: int, chosen: Sequence[int]) -> int:
    """How many eigenvalues of a linear network's Hessian are negative where it has learned the chosen strengths.

    Each hidden unit without a strength can take up each that is missing; each that has one can be turned to each
    missing larger one.  chosen: numbers of strengths, at most *hidden*.

    >>> linear_network_index((3.0, 2.0, 1.0), 2, ()), linear_network_index((3.0, 2.0, 1.0), 2, (0, 2))
    (6, 1)
    """
    sizes = _strengths(strengths, hidden)
    if len(set(chosen)) != len(chosen) or len(chosen) > hidden or not set(chosen) <= set(range(len(sizes))):
        raise InputError(
            f"chosen names at most {hidden} of strengths 0 to {len(sizes) - 1}, each once; received {tuple(chosen)}."
        )
    missing = [size for i, size in enumerate(sizes) if i not in chosen]
    turned = sum(other > sizes[i] for i in chosen for other in missing)
    return (hidden - len(chosen)) * len(missing) + turned


def _strengths(strengths: Sequence[float], hidden: int) -> tuple[float, ...]:
    sizes = tuple(float(size) for size in strengths)
    if not all(0 < size < math.inf for size in sizes) or len(set(sizes)) < len(sizes) or not sizes:
        raise InputError(f"Strengths are positive, finite and all different; received {strengths!r}. Try (3, 2, 1).")
    if isinstance(hidden, bool) or not isinstance(hidden, int) or not 1 <= hidden <= len(sizes):
        raise InputError(f"hidden is a whole number from 1 to {len(sizes)}, that of strengths; received {hidden!r}.")
    return sizes


def _factors(sizes: tuple[float, ...], hidden: int, chosen: tuple[int, ...]) -> tuple[float, ...]:
    """W1 and W2 with a hidden unit for each chosen strength, which both share alike."""
    first = np.zeros((hidden, len(sizes)))
    for unit, strength in enumerate(chosen):
        first[unit, strength] = math.sqrt(sizes[strength])
    return tuple(np.concatenate([first.ravel(), first.T.ravel()]).tolist())


# The best that one tanh unit does at what a pair is to do in ``twin_network``, by Newton's method in float64.
_ONE_UNIT = (1.4744598898907393, 1.7375722196854264, 0.007343963128984038)
_PAIR = (0.5, 3.0, 1.0, 1.0)


def twin_network(start: Start = (1.0, 1.0, 0.5, 0.5)) -> Surface:
    """Two tanh units that begin as one, and so stay: the mean over x of (v . tanh(w x) - tanh(x/2) - tanh(3x))^2.

    A point is (w, v), four numbers; x = 0.25, 0.5, ..., 2.5. Equal units have equal gradients, so a start of twins goes
    to the best that one unit can do, which on this side is a saddle: parting the twins leads down. Splitting
    the unit's height as 1.5 and -0.5 is stationary, too, and from there nothing leads down at once. The minima are the
    two units in either order, with either sign. At 0 both eigenvalues of each unit's pair have the same size.
    Source: Fukumizu & Amari 2000, Neural Networks 13, 317-327.
    """
    x = np.linspace(0.25, 2.5, 10)
    told = np.tanh(x / 2) + np.tanh(3 * x)

    def value(p: Array) -> Array:
        units = jnp.tanh(jnp.asarray(x, p.dtype)[:, None] * p[:2])
        return jnp.mean((units @ p[2:] - jnp.asarray(told, p.dtype)) ** 2)

    weight, height, left = _ONE_UNIT
    signs = list(itertools.product((1.0, -1.0), repeat=2))
    pairs = [(a * w, b * u, a * v, b * z) for w, u, v, z in (_PAIR, (3.0, 0.5, 1.0, 1.0)) for a, b in signs]
    twins = [(a * weight, b * weight, a * height / 2, b * height / 2) for a, b in signs]
    return Surface(
        value, name="twin_network", formula="mean over x of (v . tanh(w x) - tanh(x/2) - tanh(3x))^2",
        source="Fukumizu & Amari 2000", start=start, box=((-4, 4),) * 4, complete=False,
        stationary=[
            *(Stationary(at, 0.0, "minimum") for at in pairs), *(Stationary(at, left, "saddle") for at in twins),
            Stationary((weight, weight, 1.5 * height, -0.5 * height), left, "degenerate"),
            Stationary((0.0,) * 4, float(np.mean(told**2)), "saddle"),
        ],
    )  # fmt: skip


def dead_network(start: Start = (1.0, -1.0, -3.0, -3.0, 1.0, 1.0, 0.0)) -> Surface:
    """Two rectifiers that no row reaches: the mean over x of (v . relu(w x + b) + c - t(x))^2, x = -1, -0.75, ..., 1.

    A point is (w, b, v, c), seven numbers; t(x) = relu(2x - 0.4) + relu(-x - 0.3), which two units can be. Where
    b + |w| <= 0 for both, all but c has no gradient: c goes to the mean of t, and there everything stays. The Hessian
    is 0 there but for c. Source: own; dead rectifiers after Maas, Hannun & Ng 2013, section 2.1.
    """
    x = np.linspace(-1, 1, 9)
    goal = np.maximum(2 * x - 0.4, 0) + np.maximum(-x - 0.3, 0)

    def value(p: Array) -> Array:
        units = jax.nn.relu(jnp.asarray(x, p.dtype)[:, None] * p[:2] + p[2:4])
        return jnp.mean((units @ p[4:6] + p[6] - jnp.asarray(goal, p.dtype)) ** 2)

    dead = (1.0, -1.0, -3.0, -3.0, 1.0, 1.0, float(goal.mean()))
    return Surface(
        value, name="dead_network", formula="mean over x of (v . relu(w x + b) + c - t(x))^2", source="own",
        start=start, box=((-4, 4),) * 7, complete=False,
        stationary=[
            Stationary((2.0, -1.0, -0.4, -0.3, 1.0, 1.0, 0.0), 0.0, "degenerate"),
            Stationary(dead, float(goal.var()), "degenerate"),
        ],
    )  # fmt: skip
