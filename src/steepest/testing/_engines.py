"""One function everywhere: array libraries, compiled or not, drop-ins with their kernels, and a lane of a race."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import kernels, rules
from ..dialects import Method
from ..optimizer import optimizer
from ..problems import Problem
from ..races import race
from ..rules import Rule
from ._walk import LIBRARIES, course, moved, plain, walk


def _course(rule: Rule, count: int, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The course, of matrices for a rule that wants whole arrays."""
    if rule.elementwise:
        return course(count, dtype=dtype)
    start, gradients, rates = course(count, size=15, dtype=dtype)
    return start.reshape(3, 5), gradients.reshape(count, 3, 5), rates


def _rounding(rule: Rule, count: int, start: np.ndarray, end: np.ndarray) -> float:
    """How far float32 may be from float64 after so many steps.

    Each rounds the parameter by 6e-8, and the step some twenty times, or has an iteration that grows what it rounds
    500 times, as Muon's on whole arrays.
    """
    roundings = 20 if rule.elementwise else 500
    return count * 6e-8 * float(np.abs(start).max() + roundings * np.abs(end - start).max())


def agrees_in_every_library(rule: Rule, library: str, knobs: Mapping[str, Any], *, atol: float | None = None) -> None:
    """50 steps in float32 in a library are those in float64 on NumPy, but for rounding.

    atol: absolute tolerance, if not what twenty roundings of the longest step amount to.
    """
    count = 50 if rule.elementwise else 10
    start, gradients, rates = _course(rule, count)
    exact, _ = walk(rule, start, gradients, rates, knobs)
    single = np.float32(start), np.float32(gradients)
    near, _ = walk(rule, single[0], single[1], rates, knobs, array=LIBRARIES[library])
    if atol is None:
        atol = _rounding(rule, count, start, exact)
    np.testing.assert_allclose(plain(near), exact, rtol=0, atol=atol)


def traces(rule: Rule, knobs: Mapping[str, Any]) -> None:
    """A kernel can be made of a rule: it branches on no value, and calls what symbols can go through."""
    kernels.trace(Method(rule, state=tuple((name, name) for name in rule.state._fields)), ["learning_rate", *knobs])


def agrees_compiled(rule: Rule, knobs: Mapping[str, Any]) -> None:
    """On JAX a step is the same eager, under jit and under vmap, and compiles once whatever its numbers are."""
    traces = []
    _, drawn, _ = _course(rule, 6, np.float32)
    gradients, told = jnp.asarray(drawn), dict(knobs)

    def counted(g: Any, state: Any, t: Any, learning_rate: Any, knobs: Any) -> tuple:
        traces.append(t)
        return moved(rule, g, state, t, learning_rate=learning_rate, **knobs)

    compiled, lanes = jax.jit(counted), jax.jit(jax.vmap(counted, in_axes=(0, 0, None, 0, None)))
    one = two = rules.initial_state(rule, gradients[0])
    pair = jax.tree.map(lambda part: jnp.stack([part, part]), one)
    for t, g in enumerate(gradients, start=1):
        told = {knob: value * 0.999 for knob, value in told.items()}  # every number moves
        rates = jnp.array([0.1, 0.02]) / t
        eager, one = moved(rule, g, one, t, learning_rate=float(rates[0]), **told)
        jitted, two = compiled(g, two, jnp.int32(t), float(rates[0]), told)
        both, pair = lanes(jnp.stack([g, g]), pair, jnp.int32(t), rates, told)
        # float32 products fused or not, some over many roundings: a few of 6e-8, relative to the step's size.
        size = float(jnp.abs(eager).max()) * (1 if rule.elementwise else 25)
        np.testing.assert_allclose(jitted, eager, rtol=2e-5, atol=1e-6 * size)
        np.testing.assert_allclose(both[0], eager, rtol=2e-5, atol=1e-6 * size)
    assert len(traces) == 2, f"it was compiled {len(traces)} times where once under jit and once under vmap will do"
    assert jitted.dtype == jnp.float32


def agrees_in_numpy(rule: Rule, knobs: Mapping[str, Any]) -> None:
    """The drop-in for NumPy, a fused kernel for an elementwise rule, moves as the rule does in float64."""
    from ..numpy import from_rule

    made: Any = from_rule(rule)

    def run(parameter: np.ndarray, gradients: np.ndarray, rates: np.ndarray) -> np.ndarray:
        moving = made(parameter, **knobs)
        for g, rate in zip(gradients, rates, strict=True):
            moving.learning_rate = float(rate)
            moving.step(g)
        return parameter

    _agrees(rule, run, knobs)


def agrees_in_torch(rule: Rule, knobs: Mapping[str, Any]) -> None:
    """The drop-in for torch moves as the rule does in float64."""
    import torch

    from ..torch import from_rule

    made: Any = from_rule(rule)

    def run(start: np.ndarray, gradients: np.ndarray, rates: np.ndarray) -> np.ndarray:
        parameter, before = torch.nn.Parameter(torch.tensor(start)), torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # in which torch keeps numbers of a state
        try:
            moving = made([parameter], **knobs)
            for g, rate in zip(gradients, rates, strict=True):
                moving.param_groups[0]["lr"], parameter.grad = float(rate), torch.tensor(g)
                moving.step()
        finally:
            torch.set_default_dtype(before)
        return plain(parameter)

    _agrees(rule, run, knobs)


def agrees_in_optax(rule: Rule, knobs: Mapping[str, Any]) -> None:
    """The drop-in for optax moves as the rule does in float64."""
    from ..optax import from_rule

    def run(start: np.ndarray, gradients: np.ndarray, rates: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            table, parameter = jnp.asarray(rates, jnp.float64), jnp.asarray(start)
            transform = from_rule(rule)(lambda count: table[count], **knobs)
            state, update = transform.init(parameter), jax.jit(transform.update)
            for g in gradients:
                step, state = update(jnp.asarray(g), state, parameter)
                parameter = parameter + step
            return np.asarray(parameter)

    _agrees(rule, run, knobs)


def agrees_in_keras(rule: Rule, knobs: Mapping[str, Any]) -> None:
    """The drop-in for Keras, on the backend of this process, moves as the rule does in float64."""
    import keras

    from ..keras import from_rule

    def run(start: np.ndarray, gradients: np.ndarray, rates: np.ndarray) -> np.ndarray:
        on_jax = keras.backend.backend() == "jax"
        with jax.enable_x64(True) if on_jax else contextlib.nullcontext():
            variable = keras.Variable(start, dtype="float64", name="parameter")
            moving: Any = from_rule(rule)(**knobs)
            for g, rate in zip(gradients, rates, strict=True):
                moving.learning_rate = float(rate)
                moving.apply([keras.ops.convert_to_tensor(g, "float64")], [variable])
            return plain(variable.value)

    _agrees(rule, run, knobs)


def _speaks_keras() -> bool:
    """Whether Keras is installed and its backend, which is chosen before it is imported, is one of the drop-in's."""
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend() in ("jax", "torch")
    return bool(importlib.util.find_spec("keras")) and os.environ.get("KERAS_BACKEND") in ("jax", "torch")


def drop_ins() -> dict[str, Callable[[Rule, Mapping[str, Any]], None]]:
    """The checks of those drop-ins whose frameworks are installed, by name."""
    found = {"torch": agrees_in_torch, "optax": agrees_in_optax}
    installed = {name: agrees for name, agrees in found.items() if importlib.util.find_spec(name)}
    return {"numpy": agrees_in_numpy, **installed, **({"keras": agrees_in_keras} if _speaks_keras() else {})}


def _agrees(rule: Rule, run: Callable[..., np.ndarray], knobs: Mapping[str, Any]) -> None:
    start, gradients, rates = _course(rule, 30)
    exact, _ = walk(rule, start, gradients, rates, knobs)
    # Thirty steps of a few dozen roundings of 1.1e-16, grown 500 times in a rule on whole arrays.
    size = max(1.0, float(np.abs(exact).max()))
    np.testing.assert_allclose(run(start.copy(), gradients, rates), exact, rtol=1e-11, atol=1e-11 * size)


def agrees_as_a_lane_of_a_race(rule: Rule, knobs: Mapping[str, Any]) -> None:
    """In a race beside another rule, at two rates, it ends where it does alone on NumPy."""
    steps, curvatures = 10, np.array([[1.0, 2.0, 3.0], [0.5, 1.5, 2.5]])
    start = np.array([[1.0, -2.0, 0.5], [3.0, -1.0, 2.0]])
    problem = Problem(jnp.asarray(start, jnp.float32), lambda w: jnp.sum(curvatures.astype(np.float32) * w**2) / 2)
    usual = rule.usual_learning_rate
    raced = race(
        problem, [optimizer(rule, **knobs), "sgd" if rule.__name__ != "sgd" else "adam"],
        learning_rates=[usual / 10, usual / 3], seeds=1, epochs=steps + 1, patience=None,
    )  # fmt: skip
    mine = raced.runs.filter(raced.runs["optimizer"] == rule.__name__)
    for rate, loss in zip(mine["learning_rate"], mine["train_loss"], strict=True):
        state, point = rules.initial_state(rule, start), start
        # A race's losses are where the gradients are: that of its eleventh step is after ten.
        for t in range(1, steps + 2):
            seen = point + (rule.look_ahead(state, **knobs) if rule.look_ahead else 0.0)
            step, state = moved(rule, curvatures * seen, state, t, point, learning_rate=rate, **knobs)
            point = point + step
        # Ten float32 steps of some dozen roundings of 6e-8 that a rule on whole arrays may grow 500 times.
        expected = float(np.sum(curvatures * seen**2) / 2)
        np.testing.assert_allclose(loss, expected, rtol=1e-5 if rule.elementwise else 1e-3)
