"""Seconds for a 101 x 101 slice of a 784-128-64-10 network's loss over 1,000 rows, and for all figures of the lecture.

Each is the whole job in a fresh process, compilation included. Beside the slice stands the same loss called once a
point in one compiled loop, over a hundredth of the points and told for all of them.
"""

import tempfile
import time
from argparse import Namespace
from typing import Any

import numpy as np

from harness import Claim, Figures, arguments, compete, figure, median, missing, table

ROWS, SIDE, HIDDEN = 1000, 101, (128, 64)
SLICE, LOOP, FIGURES = "a slice", "the loss at each point", "all figures"


def _setting(given: Namespace) -> tuple[Any, ...]:
    """The loss, a centre, two directions and a batch."""
    import jax

    from steepest.landscapes import filter_normalised
    from steepest.networks import Network
    from steepest.problems import NetworkLoss

    random = np.random.default_rng(0)
    rows = 20 if given.short else ROWS
    batch = (random.standard_normal((rows, 784), np.float32), random.integers(10, size=rows).astype(np.int32))
    network = Network(hidden=HIDDEN)
    centre = network.init(jax.random.key(0), 784, 10)
    directions = [filter_normalised(centre, seed) for seed in (0, 1)]
    return NetworkLoss(network, "cross_entropy"), centre, *directions, batch


def side(given: Namespace) -> int:
    """Points along each side of the grid."""
    return 5 if given.short else SIDE


def slice_(given: Namespace) -> Figures:
    """The slice as ``plane`` takes it."""
    from steepest.landscapes import plane

    setting = _setting(given)
    at = np.linspace(-1, 1, side(given))
    began = time.perf_counter()
    seen = plane(*setting, along=at, across=at)
    return {"seconds": time.perf_counter() - began, "lowest": float(seen.losses.min())}


def loop(given: Namespace) -> Figures:
    """The loss at points one after another, in one compiled loop."""
    import jax
    import jax.numpy as jnp

    loss, centre, first, second, batch = _setting(given)
    count = side(given) ** 2 if given.short else side(given) ** 2 // 100
    points = np.random.default_rng(0).uniform(-1, 1, (count, 2)).astype(np.float32)

    @jax.jit
    def losses(points: jax.Array) -> jax.Array:
        def at(point: jax.Array) -> jax.Array:
            moved = jax.tree.map(lambda c, u, v: c + point[0] * u + point[1] * v, centre, first, second)
            return loss(moved, batch)

        return jax.lax.map(at, points)

    jnp.asarray(losses(points)).block_until_ready()
    began = time.perf_counter()
    jnp.asarray(losses(points)).block_until_ready()
    return {"seconds": (time.perf_counter() - began) * side(given) ** 2 / count}


def figures(given: Namespace) -> Figures:
    """All figures of the lecture as PNG; one of them in the short form."""
    from steepest.figures import draw_figures

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        drawn = draw_figures(["saturation"] if given.short else (), place)
    return {"seconds": time.perf_counter() - began, "figures": len(drawn)}


CONTESTANTS = {SLICE: slice_, LOOP: loop, FIGURES: figures}


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=3)
    rounds = compete(__file__, CONTESTANTS, given)
    print(f"landscapes: {SIDE} x {SIDE} points, 784-128-64-10, {ROWS} rows\n")
    told = {name: missing(rounds, name) or median(rounds, name, "seconds") for name in rounds[0]}
    print(table(["", "seconds"], [[n, v if isinstance(v, str) else figure(v)] for n, v in told.items()]), end="\n\n")
    for claim, name, goal in (("slice-seconds", SLICE, 20), ("figures-seconds", FIGURES, 60)):
        value = told.get(name, f"{name} did not take part")
        print(Claim(claim, value if isinstance(value, str) else float(value or 0.0), goal, at_most=True).line())


if __name__ == "__main__":
    main()
