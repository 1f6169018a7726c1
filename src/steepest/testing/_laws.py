"""Laws of every rule: zero and NaN gradients, dtypes, inputs untouched; of elementwise ones, scale and permutation."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from .. import rules
from ..rules import Rule
from ._walk import LIBRARIES, in_kind, moved, plain, shaped

DTYPES: Mapping[str, Sequence[str]] = {
    "numpy": ("float16", "float32", "float64"),
    "jax": ("float16", "bfloat16", "float32", "float64"),
    "torch": ("float16", "bfloat16", "float32", "float64"),
}
KINDS = [(library, dtype) for library in LIBRARIES for dtype in DTYPES[library]]


def steps_of(rule: Rule, gradients: Any, **knobs: float) -> np.ndarray:
    """Every step taken on the given gradients, stacked."""
    state, taken = rules.initial_state(rule, gradients[0]), []
    for t, g in enumerate(gradients, start=1):
        step, state = moved(rule, g, state, t, learning_rate=0.1, **knobs)
        taken.append(step)
    return np.stack(taken)


def scales(  # noqa: PLR0917 - it is the law's statement
    rule: Rule, gradients: np.ndarray, c: float, degree: int, epsilon_unit: int, knobs: Mapping[str, float]
) -> None:
    """Gradients c times as large, c an even power of 2, move c^degree times as far, to the last bit.

    epsilon_unit: a knob named epsilon is c^epsilon_unit larger.
    """
    larger = {k: value * c**epsilon_unit if k == "epsilon" else value for k, value in knobs.items()}
    expected = c**degree * steps_of(rule, gradients, **knobs)
    np.testing.assert_array_equal(steps_of(rule, c * gradients, **larger), expected)


def permutes(rule: Rule, gradients: np.ndarray, order: Sequence[int], knobs: Mapping[str, float]) -> None:
    """Entries in another order move alike, to the last bit."""
    expected = steps_of(rule, gradients, **knobs)[:, order]
    np.testing.assert_array_equal(steps_of(rule, gradients[:, order], **knobs), expected)


def leaves_inputs_untouched(rule: Rule, first: np.ndarray, second: np.ndarray, knobs: Mapping[str, float]) -> None:
    """Neither the gradient nor the state that a rule is given has changed after it."""
    state = rules.initial_state(rule, first)
    for t, g in enumerate((second, first), start=1):
        given = [g, *jax.tree.leaves(state)]
        before = [np.copy(part) for part in given]
        _, state = moved(rule, g, state, t, learning_rate=0.1, **knobs)
        for part, earlier in zip(given, before, strict=True):
            np.testing.assert_array_equal(part, earlier)


def returns_step_and_state(rule: Rule, knobs: Mapping[str, float]) -> None:
    """On an array a rule gives two things back: an array, and a state of its own class."""
    g = np.array(shaped(rule, [1.0, 2.0]))
    parameter = {"parameter": g} if rules.wants_parameter(rule) else {}
    returned: Any = rule(g, rules.initial_state(rule, g), 1, learning_rate=0.1, **knobs, **parameter)
    fits = isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], rule.state)
    name = rule.state.__name__
    assert fits, f"It must end like `return step, {name}(...)`, with a step and a {name}; it returned {returned!r}."


def zero_moves_nothing(rule: Rule, library: str, dtype: str, knobs: Mapping[str, float]) -> None:
    """Two zero gradients leave a parameter of 0 where it is, in any dtype."""
    move = jax.jit(moved, static_argnums=0) if library == "jax" else moved
    with jax.enable_x64(dtype == "float64"):
        zero = in_kind(library, dtype, shaped(rule, [0.0, -0.0]))
        state = rules.initial_state(rule, zero)
        for t in (1, 2):
            step, state = move(rule, zero, state, t, learning_rate=0.1, **knobs)
            np.testing.assert_array_equal(plain(step), 0 * plain(zero))


def keeps_dtype_and_library(rule: Rule, library: str, dtype: str, knobs: Mapping[str, float]) -> None:
    """Steps and state are arrays like the gradient, and steps of a steady gradient go downhill."""
    with jax.enable_x64(dtype == "float64"):
        g = in_kind(library, dtype, shaped(rule, [0.5, -2.0]))
        state = rules.initial_state(rule, g)
        for t in (1, 2):
            step, state = moved(rule, g, state, t, learning_rate=0.1, **knobs)
        for part in (step, *jax.tree.leaves(state)):
            assert part.dtype == g.dtype, f"{part.dtype} where the gradient is {g.dtype}"
        assert type(step) is type(g), f"a step is {type(step)} where the gradient is {type(g)}"
        assert step.shape == g.shape, f"a step has the shape {step.shape} where the gradient has {g.shape}"
        assert np.isfinite(plain(step)).all(), f"a step is {step}"
        assert (plain(step) * plain(g) < 0).all(), f"a step is {step} where the gradient is {g}"


def reports_nan_where_it_is(rule: Rule, library: str, knobs: Mapping[str, float]) -> None:
    """A NaN of the gradient is a NaN of the step: there and nowhere else, or anywhere for a rule on whole arrays."""
    g = LIBRARIES[library](np.float32(shaped(rule, [1.0, np.nan, 0.0])))
    step, _ = moved(rule, g, rules.initial_state(rule, g), 1, learning_rate=0.1, **knobs)
    found = np.isnan(plain(step))
    assert found.any()
    if rule.elementwise:
        np.testing.assert_array_equal(found, [False, True, False])
