"""Steps a second of a large fit: 784-1024-1024-10 on data of MNIST's shape, minibatches of 256, Adam.

Here arithmetic decides, so steepest is also held to the machine: floating-point operations a second of training, over
those of a 2048-square float32 matrix product by whichever of NumPy, JAX and torch multiplies fastest. Both are measured
in turns in one process. As in the small fit, nobody looks at validation data and steepest watches one minibatch; a row
shows what watching all training rows costs.
"""

import itertools
import statistics
import time
from argparse import Namespace
from collections.abc import Callable

import numpy as np

import trainers
from harness import Claim, Figures, arguments, compete, figure, median, missing, rate_table, ratio, steady

BATCH = 256
# Six passes over a fifth of MNIST: about five seconds, so that what a fit does once weighs as little as in a real one.
ROWS, EPOCHS = 12_800, 6
UNITS = (784, 1024, 1024, 10)
SIDE = 2048
# Products in a row between two fits: about a second, so that a busy moment weighs on both alike.
PRODUCTS = 10
OURS = "steepest"


def _job(given: Namespace) -> trainers.Job:
    random = np.random.default_rng(0)
    rows = BATCH if given.short else ROWS
    x = random.standard_normal((rows, UNITS[0]), np.float32)
    y = random.integers(UNITS[-1], size=rows).astype(np.int32)
    y[0] = UNITS[-1] - 1  # the classes are counted by the highest code
    return trainers.Job(x, y, UNITS[1:-1], BATCH, epochs=1 if given.short else EPOCHS)


def operations_a_step() -> int:
    """Floating-point operations of the matrix products of one training step, ``2 m n k`` each.

    Every layer has its output, and the gradients of its weights and of its input; nobody needs the first layer's last.
    """
    layers = [2 * BATCH * inputs * outputs for inputs, outputs in itertools.pairwise(UNITS)]
    return 3 * sum(layers) - layers[0]


def products() -> dict[str, Callable[[], object]]:
    """A 2048-square float32 product in each library at hand, which returns when it is done."""
    import jax

    left, right = np.random.default_rng(0).standard_normal((2, SIDE, SIDE), np.float32)
    on_device = jax.device_put((left, right))
    multiply = jax.jit(lambda a, b: a @ b)
    ways: dict[str, Callable[[], object]] = {
        "NumPy": lambda: left @ right,
        "JAX": lambda: multiply(*on_device).block_until_ready(),
    }
    try:
        import torch
    except ImportError:
        return ways
    tensors = torch.from_numpy(left), torch.from_numpy(right)
    return {**ways, "torch": lambda: tensors[0] @ tensors[1]}


def _steepest(given: Namespace) -> Figures:
    job = _job(given)
    train = trainers.steepest(job, validation=(job.x[:BATCH], job.y[:BATCH]))
    figures = steady(train, given)
    ways = products()
    for multiply in ways.values():
        multiply()
    training, multiplying = [], {name: [] for name in ways}
    for _ in range(1 if given.short else 3):
        training.append(operations_a_step() * job.steps / _seconds(train))
        for name, multiply in ways.items():
            multiplying[name].append(PRODUCTS * 2 * SIDE**3 / _seconds(multiply, PRODUCTS))
    products_a_second = {name: statistics.median(rates) for name, rates in multiplying.items()}
    best = max(products_a_second, key=products_a_second.__getitem__)
    shares = [rate / product for rate, product in zip(training, multiplying[best], strict=True)]
    return {
        **figures,
        "operations_a_second": statistics.median(training),
        "products_a_second": products_a_second,
        "share": statistics.median(shares),
    }


def _seconds(work: Callable[[], object], times: int = 1) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - began


def _steepest_watching_training(given: Namespace) -> Figures:
    return steady(trainers.steepest(_job(given)), given)


def _peer(make: trainers.Make, **settings: object) -> Callable[[Namespace], Figures]:
    return lambda given: steady(make(_job(given), **settings), given)


PEERS = {
    "keras": _peer(trainers.keras),
    "keras, tuned": _peer(trainers.keras, steps_per_execution=32),
    "torch eager": _peer(trainers.torch),
    "torch compiled": _peer(trainers.torch, compiled=True),
    "scikit-learn": _peer(trainers.sklearn),
    "optax": _peer(trainers.optax),
}
CONTESTANTS = {OURS: _steepest, **PEERS, "steepest, watching its training rows": _steepest_watching_training}


def best_peer(rounds: list[dict[str, Figures]]) -> str | None:
    """The peer with the most steps a second; None where no peer was measured."""
    measured = [peer for peer in PEERS if not missing(rounds, peer)]
    return max(measured, key=lambda peer: median(rounds, peer, "steps_per_second") or 0.0, default=None)


def main() -> None:
    """Measure, print the table and the machine's rate, and say which claims hold."""
    given = arguments(rounds=3)
    rounds = compete(__file__, CONTESTANTS, given)
    print("fit, 784-1024-1024-10, batch 256, Adam\n")
    print(rate_table(rounds, OURS), end="\n\n")
    share: float | str = missing(rounds, OURS) or ""
    if not share:
        share = median(rounds, OURS, "share") or 0.0
        rates = [figures[OURS]["products_a_second"] for figures in rounds]
        told = ", ".join(f"{way} {figure(statistics.median(r[way] for r in rates) / 1e9)}" for way in rates[0])
        print(f"training {figure((median(rounds, OURS, 'operations_a_second') or 0) / 1e9)} GFLOP/s")
        print(f"{SIDE}-square float32 product, GFLOP/s: {told}\n")
    peer = best_peer(rounds)
    against_peer = ratio(rounds, OURS, peer) if peer else "no peer took part"
    print(f"the best peer is {peer}\n")
    print(Claim("fit-large-vs-best-peer", against_peer, 1.1).line())
    print(Claim("fit-large-vs-matmul", share, 0.8).line())


if __name__ == "__main__":
    main()
