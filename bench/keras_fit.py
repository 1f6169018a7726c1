"""Milliseconds of a step of Keras's ``model.fit``, the drop-in beside Keras's own optimizer, on JAX and on torch.

A small network, where a step's overhead decides, and a larger one, where memory and arithmetic do. The two models of a
row take turns in one process, each first every other time; a ratio is the median of those within a turn.
"""

import os
import statistics
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np

from harness import Claim, Figures, arguments, compete, figure, median, missing, table, turns

BACKENDS = ("jax", "torch")
# name: (units, rows of a minibatch, steps a fit, turns)
NETWORKS = {
    "64-64-64-10": ((64, 64, 64, 10), 32, 200, 20),
    "784-1024-1024-10": ((784, 1024, 1024, 10), 256, 10, 12),
}
OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "momentum": ("SGD", {"momentum": 0.9}),
    "RMSprop": ("RMSprop", {}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    "Nadam": ("Nadam", {}),
}
OURS, PEER = "steepest", "keras"


def _model(optimizer: Any, units: tuple[int, ...]) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(width, activation="relu") for width in units[1:-1]]
    model = keras.Sequential([keras.Input(units[:1]), *hidden, keras.layers.Dense(units[-1])])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def _measure(backend: str, network: str, rule: str) -> Callable[[Namespace], Figures]:
    def measure(given: Namespace) -> Figures:
        os.environ["KERAS_BACKEND"] = backend
        import keras

        import steepest.keras

        units, batch, steps, count = NETWORKS[network]
        if given.short:
            steps, count = 2, 2
        random = np.random.default_rng(0)
        x = random.standard_normal((steps * batch, units[0]), np.float32)
        y = random.integers(units[-1], size=len(x)).astype(np.int32)
        name, options = OPTIONS[rule]

        def fit(library: Any) -> Callable[[], object]:
            model = _model(getattr(library, name)(1e-3, **options), units)
            return lambda: model.fit(x, y, batch_size=batch, verbose=0)

        taken = turns({OURS: fit(steepest.keras), PEER: fit(keras.optimizers)}, count)
        return {
            **{form: 1000 * statistics.median(times) / steps for form, times in taken.items()},
            "ratio": statistics.median(theirs / ours for ours, theirs in zip(*taken.values(), strict=True)),
        }

    return measure


CONTESTANTS = {
    f"{backend}, {network}, {rule}": _measure(backend, network, rule)
    for backend in BACKENDS
    for network in NETWORKS
    for rule in OPTIONS
}


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=1)
    rounds = compete(__file__, CONTESTANTS, given)
    rows = []
    for name in CONTESTANTS:
        told = [median(rounds, name, key) for key in (OURS, PEER, "ratio")]
        rows.append([name, *map(figure, told[:2]), f"{figure(told[2])} x"])
    print("a step of fit, ms\n")
    print(table(["", OURS, PEER, f"{PEER} is"], rows), end="\n\n")
    for backend in BACKENDS:
        found = {name: median(rounds, name, "ratio") for name in CONTESTANTS if name.startswith(backend)}
        absent = [name for name, value in found.items() if value is None]
        worst = str(missing(rounds, absent[0])) if absent else min(value for value in found.values() if value)
        print(Claim(f"keras-fit-{backend}-worst-vs-native", worst, 1).line())


if __name__ == "__main__":
    main()
