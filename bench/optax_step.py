"""Milliseconds of an optimizer's update under jit, the drop-in for optax beside optax's own, and their memory.

One tensor of 20 million float32, which is memory's speed, and a thousand tensors of a thousand, which is the overhead
of each. A step updates and applies, its parameters and state donated. Both take turns, each first every other time, so
that whatever else the machine does meets both alike; a ratio is the median of those within a turn.

Memory is what the compiled program says of itself: arguments, outputs and what it needs besides, each buffer that an
output takes over counted once. It is told in pages of 4096 bytes, as it is had: a step count does not show.
"""

import statistics
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from harness import Claim, Figures, arguments, compete, figure, median, missing, table, turns

LARGE, MANY = "one of 20 million", "a thousand of a thousand"
OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "SGD": ("sgd", {}),
    "momentum": ("sgd", {"momentum": 0.9}),
    "Nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    "Adagrad": ("adagrad", {}),
    "RMSprop": ("rmsprop", {}),
    "Adadelta": ("adadelta", {}),
    "Adam": ("adam", {}),
    "AMSGrad": ("amsgrad", {}),
    "AdamW": ("adamw", {}),
    "Adamax": ("adamax", {}),
    "Nadam": ("nadam", {}),
    "RAdam": ("radam", {}),
    "Lion": ("lion", {}),
}
OURS, PEER = "steepest", "optax"
_PAGE = 4096


class Step:
    """A compiled step with the parameters and the state that it moves."""

    def __init__(self, transformation: Any, count: int, size: int):
        import jax
        import jax.numpy as jnp
        import optax

        def step(parameters: Any, state: Any, gradients: Any) -> Any:
            updates, state = transformation.update(gradients, state, parameters)
            return optax.apply_updates(parameters, updates), state

        self.parameters = [jnp.full(size, float(place)) for place in range(count)]
        self.gradients = [jnp.full(size, 0.1) for _ in range(count)]
        self.state = jax.tree.map(jnp.copy, transformation.init(self.parameters))  # no buffer is donated twice
        lowered = jax.jit(step, donate_argnums=(0, 1)).lower(self.parameters, self.state, self.gradients)
        self.compiled = lowered.compile()

    def __call__(self) -> None:
        """Take the step, to its end."""
        import jax

        self.parameters, self.state = self.compiled(self.parameters, self.state, self.gradients)
        jax.block_until_ready((self.parameters, self.state))

    def pages(self) -> int:
        """Memory while it runs, in pages."""
        told = self.compiled.memory_analysis()
        needed = told.argument_size_in_bytes + told.output_size_in_bytes + told.temp_size_in_bytes
        return -(-(needed - told.alias_size_in_bytes) // _PAGE)


def _measure(rule: str, shape: str) -> Callable[[Namespace], Figures]:
    def measure(given: Namespace) -> Figures:
        import optax

        import steepest.optax

        name, options = OPTIONS[rule]
        count, size = {LARGE: (1, 20_000_000), MANY: (1000, 1000)}[shape]
        if given.short:
            count, size = min(count, 3), min(size, 1000)
        made = {
            form: Step(getattr(library, name)(1e-3, **options), count, size)
            for form, library in ((OURS, steepest.optax), (PEER, optax))
        }
        taken = turns(made, 2 if given.short else {LARGE: 24, MANY: 60}[shape])
        return {
            **{form: 1000 * statistics.median(times) for form, times in taken.items()},
            "ratio": statistics.median(theirs / ours for ours, theirs in zip(*taken.values(), strict=True)),
            "memory": made[OURS].pages() / made[PEER].pages(),
        }

    return measure


CONTESTANTS = {f"{rule}, {shape}": _measure(rule, shape) for shape in (LARGE, MANY) for rule in OPTIONS}


def main() -> None:
    """Measure, print the tables, and say which claims hold."""
    given = arguments(rounds=1)
    rounds = compete(__file__, CONTESTANTS, given)
    for shape in (LARGE, MANY):
        print(f"a step of {shape}, ms\n")
        rows = []
        for rule in OPTIONS:
            told = [median(rounds, f"{rule}, {shape}", key) for key in (OURS, PEER, "ratio", "memory")]
            rows.append([rule, *map(figure, told[:2]), f"{figure(told[2])} x", figure(told[3])])
        print(table(["", OURS, PEER, f"{PEER} is", "our memory is"], rows), end="\n\n")

    def worst(key: str, pick: Callable[[list[float]], float]) -> float | str:
        found = {name: median(rounds, name, key) for name in CONTESTANTS}
        absent = [name for name, value in found.items() if value is None]
        return str(missing(rounds, absent[0])) if absent else pick([value for value in found.values() if value])

    print(Claim("optax-step-worst-vs-own", worst("ratio", min), 1).line())
    print(Claim("optax-memory-worst", worst("memory", max), 1, at_most=True).line())


if __name__ == "__main__":
    main()
