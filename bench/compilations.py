"""Programs compiled when only a number changes: learning rate, any other hyperparameter, seed, epochs or patience.

JAX reports every compilation as an event; they are counted while fits and a race repeat with other numbers. The first
fit compiles what is needed and is not counted; a second of the same numbers proves that the count can be trusted, and
so does a fit of another shape, which must be counted.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax

import steepest as st
from harness import Claim, table

_EVENT = "/jax/core/compile/backend_compile_duration"


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Count compilations inside the block; what it gives is called for the number so far."""
    seen: list[str] = []

    def listen(event: str, duration: float, **_: object) -> None:
        if event == _EVENT:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield lambda: len(seen)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def changes() -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """By what changes: something to run first, and the same with another number."""
    problem = st.network(st.read("iris"), hidden=(8,))

    def fitted(
        optimizer: st.Optimizer, *, epochs: int = 3, patience: int | None = 2, seed: int = 0
    ) -> Callable[[], object]:
        return lambda: st.fit(problem, optimizer, epochs=epochs, patience=patience, seed=seed)

    def raced(rates: tuple[float, ...], seeds: tuple[int, ...]) -> Callable[[], object]:
        return lambda: st.race(problem, ["sgd", "adam"], learning_rates=rates, seeds=seeds, confirm_seeds=0, epochs=3)

    adam, momentum = fitted(st.Adam()), fitted(st.Momentum())
    return {
        "learning rate": (adam, fitted(st.Adam(learning_rate=3e-2))),
        "b1": (adam, fitted(st.Adam(b1=0.8))),
        "epsilon": (adam, fitted(st.Adam(epsilon=1e-5))),
        "momentum": (momentum, fitted(st.Momentum(momentum=0.5))),
        "clipping threshold": (
            fitted(st.Adam(transforms=(st.ClipByGlobalNorm(1.0),))),
            fitted(st.Adam(transforms=(st.ClipByGlobalNorm(0.5),))),
        ),
        "seed": (adam, fitted(st.Adam(), seed=7)),
        "epochs": (adam, fitted(st.Adam(), epochs=5)),
        "patience": (adam, fitted(st.Adam(), patience=1)),
        "no patience": (adam, fitted(st.Adam(), patience=None)),
        "a race's rates and seeds": (raced((1e-3, 1e-2), (0, 1)), raced((3e-4, 3e-3), (2, 3))),
    }


def main() -> None:
    """Count, print the table, and say whether the claim holds."""
    rows, total, doubt = [], 0, ""
    for name, (first, other) in changes().items():
        first()
        with counted() as count:
            first()
            again = count()
            other()
            rows.append([name, str(count() - again)])
            total += count() - again
        if again:
            doubt = f"repeating the very same work compiled something ({name})"
    with counted() as count:
        st.fit(st.network(st.read("iris"), hidden=(9,)), epochs=2)
        rows.append(["(another width, to see that it is counted)", str(count())])
        if not count():
            doubt = "a new shape was not counted, so nothing would be"
    print("compilations when only a number changes\n")
    print(table(["what changes", "compiled"], rows), end="\n\n")
    print(Claim("no-recompilation", doubt or float(total), 0, at_most=True).line())


if __name__ == "__main__":
    main()
