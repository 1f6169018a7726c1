"""A rule on gradients given beforehand, in any array library: what every check moves."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import rules
from ..rules import Rule


def _torch(values: Any) -> Any:
    import torch

    return torch.tensor(np.array(values))


# Each makes a copy, so that nothing given to a rule is shared.
LIBRARIES: Mapping[str, Callable[[Any], Any]] = {
    "numpy": np.array,
    "jax": jnp.array,
    **({"torch": _torch} if importlib.util.find_spec("torch") else {}),
}


def in_kind(library: str, dtype: str, values: Any) -> Any:
    """The values as an array of a library and a dtype."""
    if library == "torch":
        import torch

        return torch.tensor(values, dtype=getattr(torch, dtype))
    return np.array(values, dtype) if library == "numpy" else jnp.array(values, dtype)


def plain(array: Any) -> np.ndarray:
    """Any library's array as NumPy's, in float64."""
    return np.asarray(array.detach().double() if hasattr(array, "detach") else array, np.float64)


def moved(rule: Rule, g: Any, state: Any, t: Any, parameter: Any = None, **keywords: Any) -> tuple[Any, Any]:
    """The rule's step and new state, with the parameter (0 if not given) for the rules that want it."""
    if rules.wants_parameter(rule):
        keywords["parameter"] = 0 * g if parameter is None else parameter
    return rule(g, state, t, **keywords)


def walk(  # noqa: PLR0917 - what a walk is
    rule: Rule,
    start: Any,
    gradients: Any,
    rates: Any,
    knobs: Mapping[str, float],
    choices: Mapping[str, str] | None = None,
    array: Callable[[Any], Any] = np.array,
) -> tuple[Any, Any]:
    """The rule's own trajectory on given gradients: the last parameter and state."""
    parameter, said = array(start), choices or {}
    state = rules.initial_state(rule, parameter, **said)
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        step, state = moved(rule, array(g), state, t, parameter, learning_rate=float(rate), **knobs, **said)
        parameter = parameter + step
    return parameter, state


def course(count: int = 240, size: int = 5, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A start, gradients of very different sizes, some exactly 0, and rates that rise and fall (float32 values)."""
    random = np.random.default_rng(7)
    gradients = random.normal(size=(count, size)) * np.resize([1e-3, 0.1, 1.0, 5.0, 1.0], size)
    gradients[:, 4::5] *= random.random((count, 1)) < 0.2  # the fifth is seldom anything but 0
    rates = np.float32(0.05 * (1.2 + np.sin(np.arange(count) / 9)))  # Keras keeps its rate in float32
    return random.normal(size=size).astype(dtype), gradients.astype(dtype), np.asarray(rates)


def shaped(rule: Rule, values: Any) -> Any:
    """The values as they are, or as a matrix of one row for a rule that wants whole arrays."""
    return values if rule.elementwise else [list(values)]
