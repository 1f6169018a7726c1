"""Checkpoints from optax and into it: a pytree of parameters and the state of a transformation."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import dialects
from ..dialects import REQUIRED, Dialect
from ..errors import InputError, unknown
from ..rules import Rule
from ._checkpoint import Checkpoint, Parameter
from ._described import described
from ._layout import OutputsFirst, names_first, outputs_last, outputs_to_front
from ._move import move
from ._pytree import in_order, is_masked, leaves_of, mapped, part, replaced, step_count
from ._refusals import Force

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def from_optax(
    params: Any,
    state: Any,
    optimizer: str | Rule,
    options: Mapping[str, Any] = _NOTHING,
    *,
    dialect: str = "optax",
    outputs_first: OutputsFirst = False,
) -> Checkpoint:
    """Where training stands in optax.

    params: a pytree of arrays.  state: of a transformation, which may be chained, masked, injected: what the optimizer
    keeps is found where it stands once in it.
    optimizer, options: the name in optax, or the rule of ``steepest.optax.from_rule``, and the arguments that made it,
    which a state does not tell; injected hyperparameters are read from the state.  dialect: of a drop-in.
    outputs_first: names of the parameters kept as (out, in, ...), or whether all of two dimensions and more are, as
    in Equinox; a name is the path in params, "Dense_0/kernel".
    Raises InputError where the state is not that optimizer's, or has it twice.
    """
    leaves, first = leaves_of(params), _first(params, outputs_first)
    full, moved = _described(_spoken(optimizer, dialect), state, options)
    method = moved.method
    assert method is not None
    decays = _decays(params, full)
    fields = method.fields
    parts = {field: part(state, name, required=name not in method.scalars) for field, name in fields.items()}
    trees = {field: leaves_of(tree) for field, tree in parts.items() if tree is not None}
    moved = dataclasses.replace(moved, step_count=step_count(state, list(fields.values())))

    def parameter(name: str) -> Parameter:
        turned = outputs_last if name in first else np.asarray
        value = turned(np.asarray(leaves[name]))
        kept = {field: tree.get(name, tree.get("")) for field, tree in trees.items()}  # a number for all has no path
        if any(is_masked(array) for array in kept.values()):
            return Parameter(value)
        if lacking := [fields[field] for field, array in kept.items() if array is None]:
            raise InputError(f"The state's {', '.join(lacking)} has no '{name}': it is of other parameters.")
        arrays = {field: np.asarray(array) for field, array in kept.items()}
        its = {field: method.signed(field, turned(a)) for field, a in arrays.items()}
        own = {n: number for n, number in (moved.numbers or {}).items() if n != "weight_decay" or decays[name]}
        return dataclasses.replace(moved, value=value, numbers=own, state=its)

    names, sorted_names = in_order(params)
    return Checkpoint("optax", {name: parameter(name) for name in names}, sorted_names)


def to_optax(
    checkpoint: Checkpoint,
    params: Any,
    state: Any,
    optimizer: str | Rule,
    options: Mapping[str, Any] = _NOTHING,
    *,
    dialect: str = "optax",
    outputs_first: OutputsFirst = False,
    names: Mapping[str, str] | None = None,
    force: Force = False,
) -> tuple[Any, Any]:
    """A checkpoint as parameters and state of optax, like those given, from ``init``; returns ``(params, state)``.

    params, state, optimizer, options, dialect, outputs_first: as for ``from_optax``.
    names: {name here: name in the checkpoint} for every parameter; left out, equal names or else the order tells.
    force: True, or names of what may be inexact, as the error has them; the nearest thing is done.
    Raises InputError where the shapes do not fit, and for what would not go on as it was.
    """
    there = from_optax(params, state, optimizer, options, dialect=dialect, outputs_first=outputs_first)
    moved, first = move(checkpoint, there, names, force), _first(params, outputs_first)

    def stored(name: str, value: np.ndarray, place: Any) -> Any:
        turned = outputs_to_front(value) if name in first else value
        made = jnp.asarray(turned, np.asarray(place).dtype)
        return jax.device_put(made, place.sharding) if isinstance(place, jax.Array) else made

    for one in [one for one in moved.values() if one.method is not None][:1]:  # all are moved by one method
        assert one.method is not None
        for field, name in one.method.fields.items():
            tree = part(state, name)
            if tree is not None:
                state = replaced(state, name, _filled(tree, field, moved, stored))
        if one.step_count is not None:
            state = replaced(state, "count", jnp.asarray(one.step_count, jnp.int32))
        if one.settable:
            injected = part(state, "hyperparams", required=True)
            rate = stored("", np.asarray(one.rate(one.step_count)), injected["learning_rate"])
            state = replaced(state, "hyperparams", {**injected, "learning_rate": rate})
    return mapped(lambda name, leaf: stored(name, moved[name].value, leaf), params), state


def _filled(tree: Any, field: str, moved: Mapping[str, Parameter], stored: Any) -> Any:
    """A part of the state with the values that have moved in; a number for all parameters has the first's."""
    shared = next(one for one in moved.values() if one.method is not None)

    def leaf(name: str, place: Any) -> Any:
        one = moved.get(name, shared)
        if one.method is None or one.state is None:
            return place
        return stored(name, one.method.signed(field, one.state[field]), place)

    return mapped(leaf, tree)


def _first(params: Any, outputs_first: OutputsFirst) -> frozenset[str]:
    return names_first(outputs_first, ((name, np.ndim(leaf)) for name, leaf in leaves_of(params).items()))


def _spoken(optimizer: str | Rule, dialect: str) -> Dialect:
    if not isinstance(optimizer, str) and not callable(optimizer):
        raise InputError(
            f"optimizer must be its name in optax or a rule; received {type(optimizer).__name__}. Try 'adam'."
        )
    native = dialects.find("optax", optimizer) if isinstance(optimizer, str) else dialects.of(optimizer, "optax")
    return dialects.like(native, dialect)


def _described(spoken: Dialect, state: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], Parameter]:
    """Every option, told or injected, and what they make of a parameter that is yet to be named."""
    for name in given:
        if name not in spoken.defaults:
            raise unknown(f"argument of {spoken.name}", name, spoken.defaults)
    injected, schedules = part(state, "hyperparams") or {}, part(state, "hyperparams_states") or {}
    read = {name: np.asarray(value).item() for name, value in injected.items() if name in spoken.defaults}
    told = {name: value for name, value in given.items() if name not in read or callable(value)}
    full = spoken.defaults | read | told
    rate = full["learning_rate"]
    if rate is REQUIRED or rate is None:
        raise InputError(f"The learning rate of {spoken.name} is missing. Give options={{'learning_rate': ...}}.")
    method, numbers, _ = described(spoken, full | {"learning_rate": 0.0})
    numbers["mini_step"] = int(part(state, "mini_step") or 0)
    scheduled = callable(rate) or "learning_rate" in schedules
    settable = "learning_rate" in injected and not scheduled
    at = (lambda step_count: float(rate(step_count))) if callable(rate) else float(rate)
    return full, Parameter(np.zeros(()), method, numbers, at, scheduled, settable)


def _decays(params: Any, options: Mapping[str, Any]) -> dict[str, bool]:
    """Which parameters weight decay is for."""
    mask = options.get("mask", options.get("weight_decay_mask"))
    if mask is None:
        return dict.fromkeys(leaves_of(params), True)
    told = mask(params) if callable(mask) else mask
    return {name: bool(decays) for name, decays in leaves_of(jax.tree.broadcast(told, params)).items()}
