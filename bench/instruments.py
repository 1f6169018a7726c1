"""What looking on costs: a step of 784-128-64-10 with minibatches of 128 under each tier of instruments, and without.

The economy and the per-sample tier are part of the compiled step; they are timed in turns of one process. The full tier
looks at places that the clock chooses: a whole training with it, looks included, is set against one without, both
compiled beforehand. For comparison, at this network Schneider, Dangel & Hennig 2021 (Cockpit, arXiv:2102.06604) publish
63 and 72 times a plain step, and 260 for their full tier.
"""

import time
from collections.abc import Callable

import jax
import numpy as np

import steepest as st
from harness import Claim, arguments, busyness, figure, table, turns
from steepest.diagnosis import Economy, PerSample, observe
from steepest.problems import NetworkInit, NetworkLoss
from steepest.training import Observer, Settings, Training

NETWORK = st.Network((128, 64))
BATCH, INPUTS, CLASSES = 128, 784, 10
GOALS = {"economy": 1.3, "per-sample": 2.0}
TIERS: dict[str, Observer | None] = {"none": None, "economy": Economy(), "per-sample": PerSample()}


def problem(rows: int) -> st.Problem:
    """A network of MNIST's size on random images whose classes a linear map gives."""
    random = np.random.default_rng(0)
    x = random.random((rows, INPUTS), np.float32)
    y = (x @ random.standard_normal((INPUTS, CLASSES), np.float32)).argmax(axis=1)
    loss = NetworkLoss(NETWORK, "cross_entropy")
    data = (x, y.astype(np.int32))
    few = (x[:BATCH], data[1][:BATCH])
    return st.Problem(NetworkInit(NETWORK, INPUTS, CLASSES), loss, data, few, name="mnist-sized")


def stretch(made: st.Problem, observer: Observer | None) -> Callable[[], int]:
    """An epoch of a training under way, which goes on with the next at every call."""
    (instance,) = made.instances([0])
    settings = Settings(epochs=10**6, batch_size=BATCH, patience=None)
    training = Training(made, instance, st.Adam(), settings, seed=0, observer=observer)

    def epoch() -> int:
        training.go(training.epoch + 1)
        jax.block_until_ready(training.parameters)
        training.forget_observed()
        return training.epoch

    return epoch


def full(made: st.Problem, epochs: int) -> tuple[float, int]:
    """How many times as long a training with the full tier takes as one without, and how many looks it took."""
    optimizer = st.Adam()
    settings = {"epochs": epochs, "batch_size": BATCH, "patience": None}
    observe(made, optimizer, tier="full", **(settings | {"epochs": 2}))  # compiles
    began = time.perf_counter()
    with_looks = observe(made, optimizer, tier="full", **settings)
    observed = time.perf_counter() - began - with_looks.looks[0].seconds
    began = time.perf_counter()
    st.fit(made, optimizer, watch=lambda *_: True, **settings)
    return observed / (time.perf_counter() - began), len(with_looks.looks)


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=15)
    print(busyness(), end="\n\n", flush=True)
    rows = 512 if given.short else 12_800
    made = problem(rows)
    taken = turns(
        {name: stretch(made, observer) for name, observer in TIERS.items()}, 1 if given.short else given.rounds
    )
    step = {name: float(np.median(seconds)) / (rows // BATCH) for name, seconds in taken.items()}
    times = {name: float(np.median(np.divide(seconds, taken["none"]))) for name, seconds in taken.items()}
    overall, looks = full(made, 3 if given.short else max(30, int(60 / (step["none"] * rows / BATCH))))
    lines = [[name, figure(1e3 * step[name]), f"{figure(times[name])} x"] for name in TIERS]
    lines.append([f"full, {looks} looks", "-", f"{figure(overall)} x"])
    print(table(["instruments", "ms a step", "of a plain one"], lines), end="\n\n")
    for name, goal in GOALS.items():
        print(Claim(f"instruments-{name}", times[name], goal, at_most=True).line())
    print(Claim("instruments-full", overall, 1.1, at_most=True).line())


if __name__ == "__main__":
    main()
