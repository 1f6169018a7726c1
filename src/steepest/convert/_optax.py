"""Checkpoints from optax and into it: a pytree of parameters and the state of a transformation."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..dialects import REQUIRED, find, like
from ..errors import InputError, unknown
from ._checkpoint import Checkpoint, Parameter, Rate
from ._described import described
from ._layout import OutputsFirst, names_first, outputs_last, outputs_to_front
from ._match import natural
from ._move import move
from ._refusals import Force

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def from_optax(
    params: Any,
    state: Any,
    optimizer: str,
    options: Mapping[str, Any] = _NOTHING,
    *,
    dialect: str = "optax",
    outputs_first: OutputsFirst = False,
) -> Checkpoint:
    """Where training stands in optax.

    params: a pytree of arrays.  state: of a transformation, which may be chained, masked, injected: what the optimizer
    keeps is found where it stands once in it.
    optimizer, options: the name in optax and the arguments that made it, which a state does not tell; injected
    hyperparameters are read from the state.  dialect: of a drop-in.
    outputs_first: names of the parameters kept as (out, in, ...), or whether all of two dimensions and more are, as
    in Equinox; a name is the path in params, "Dense_0/kernel".
    Raises InputError where the state is not that optimizer's, or has it twice.
    """
    leaves = _leaves(params)
    first = names_first(outputs_first, ((name, np.ndim(leaf)) for name, leaf in leaves.items()))
    spoken = like(find("optax", optimizer), dialect)
    full, rate, kind = _options(spoken, state, options)
    method, numbers, _ = described(spoken, full | {"learning_rate": 0.0})
    decays = _decays(params, full)
    parts = {field: _part(state, name, required=name not in method.scalars) for field, name in method.fields.items()}
    trees = {field: _leaves(tree) for field, tree in parts.items() if tree is not None}
    count = _step_count(state, list(method.fields.values()))

    def parameter(name: str, leaf: Any) -> Parameter:
        turned = outputs_last if name in first else np.asarray
        kept = {field: tree.get(name, tree.get("")) for field, tree in trees.items()}
        masked = [_is_masked(part) for part in kept.values()]
        if any(part is None for part in kept.values()) or (any(masked) and not all(masked)):
            raise InputError(
                f"The state of {optimizer} has no {', '.join(kept)} for '{name}': it is of other parameters."
            )
        if any(masked):
            return Parameter(turned(np.asarray(leaf)))
        arrays = {field: np.asarray(part) for field, part in kept.items()}
        its = {field: method.signed(field, turned(a) if a.ndim else a) for field, a in arrays.items()}
        own = {n: number for n, number in numbers.items() if n != "weight_decay" or decays[name]}
        return Parameter(turned(np.asarray(leaf)), method, own, rate, *kind, its, count)

    parameters = {name: parameter(name, leaf) for name, leaf in _ordered(params, leaves)}
    return Checkpoint("optax", parameters, sorted_names=_has_dictionary(params))


def to_optax(
    checkpoint: Checkpoint,
    params: Any,
    state: Any,
    optimizer: str,
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
    import jax
    import jax.numpy as jnp

    there = from_optax(params, state, optimizer, options, dialect=dialect, outputs_first=outputs_first)
    moved = move(checkpoint, there, names, force)
    leaves = _leaves(params)
    first = names_first(outputs_first, ((name, np.ndim(leaf)) for name, leaf in leaves.items()))

    def stored(name: str, value: np.ndarray, like: Any) -> Any:
        return jnp.asarray(outputs_to_front(value) if name in first and value.ndim else value, np.asarray(like).dtype)

    def filled(path: Any, leaf: Any, field: str) -> Any:
        name = _name(path)
        one = moved.get(name)
        if _is_masked(leaf) or one is None or one.method is None or one.state is None:
            return leaf
        return stored(name, one.method.signed(field, one.state[field]), leaf)

    living = [one for one in moved.values() if one.method is not None]
    for one in living[:1]:
        assert one.method is not None
        for field, name in one.method.fields.items():
            tree = _part(state, name, required=False)
            if tree is None:
                continue
            if name in one.method.scalars:
                state = _replaced(state, name, jnp.asarray((one.state or {})[field], tree.dtype))
                continue
            new = jax.tree_util.tree_map_with_path(
                lambda path, leaf, field=field: filled(path, leaf, field), tree, is_leaf=_is_masked
            )
            state = _replaced(state, name, new)
        if one.step_count is not None and _found(state, "count"):
            state = _replaced(state, "count", jnp.asarray(one.step_count, jnp.int32))
        if one.settable:
            injected = _part(state, "hyperparams", required=True)
            rate = jnp.asarray(one.rate(None), np.asarray(injected["learning_rate"]).dtype)
            state = _replaced(state, "hyperparams", {**injected, "learning_rate": rate})
    new_params = jax.tree_util.tree_map_with_path(
        lambda path, leaf: stored(_name(path), moved[_name(path)].value, leaf), params
    )
    return new_params, state


def _options(spoken: Any, state: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], Rate, tuple[bool, bool]]:
    """Every option, the learning rate, and whether that is scheduled and whether it can be set."""
    for name in given:
        if name not in spoken.defaults:
            raise unknown(f"argument of {spoken.name}", name, spoken.defaults)
    injected = _part(state, "hyperparams", required=False) or {}
    schedules = _part(state, "hyperparams_states", required=False) or {}
    read = {name: np.asarray(value).item() for name, value in injected.items() if name in spoken.defaults}
    full = (
        spoken.defaults | read | {name: value for name, value in given.items() if name not in read or callable(value)}
    )
    rate = full["learning_rate"]
    if rate is REQUIRED or rate is None:
        raise InputError(f"The learning rate of {spoken.name} is missing. Give options={{'learning_rate': ...}}.")
    scheduled = callable(rate) or "learning_rate" in schedules
    settable = "learning_rate" in injected and not scheduled
    if not callable(rate):
        return full, float(rate), (scheduled, settable)
    return full, (lambda step_count: float(rate(step_count))), (scheduled, settable)


def _decays(params: Any, options: Mapping[str, Any]) -> dict[str, bool]:
    """Which parameters weight decay is for."""
    import jax

    mask = options.get("mask", options.get("weight_decay_mask"))
    if mask is None:
        return dict.fromkeys(_leaves(params), True)
    told = mask(params) if callable(mask) else mask
    return {name: bool(decays) for name, decays in _leaves(jax.tree.broadcast(told, params)).items()}


def _found(state: Any, name: str) -> list[tuple[Any, Any]]:
    """Where states have a field of that name, and what stands there."""
    import optax

    return optax.tree.get_all_with_path(state, name, _is_field)


def _part(state: Any, name: str, *, required: bool) -> Any:
    """What the one state that has such a field keeps in it; None where none has and it is not required."""
    found = _found(state, name)
    if len(found) > 1:
        import jax

        places = ", ".join(jax.tree_util.keystr(path) for path, _ in found)
        raise InputError(f"The state has {name} {len(found)} times: {places}. Give the part of it that is meant.")
    if not found and required:
        raise InputError(f"The state has no {name}: it is another optimizer's, or one with other options.")
    return found[0][1] if found else None


def _replaced(state: Any, name: str, value: Any) -> Any:
    import optax

    return optax.tree.set(state, _is_field, **{name: value})


def _is_field(path: Any, _: Any) -> bool:
    import optax

    return isinstance(path[-1], optax.tree_utils.NamedTupleKey)


def _is_masked(leaf: Any) -> bool:
    import optax

    return isinstance(leaf, optax.MaskedNode)


def _step_count(state: Any, names: list[str]) -> int | None:
    """The count beside the optimizer's own state, or the one that all others agree on."""
    counts = [(path[:-1], int(count)) for path, count in _found(state, "count")]
    beside = {path[:-1] for name in names for path, _ in _found(state, name)}
    own = {count for path, count in counts if path in beside} or {count for _, count in counts}
    return own.pop() if len(own) == 1 else None


def _leaves(tree: Any) -> dict[str, Any]:
    import jax

    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_masked)}


def _name(path: Any) -> str:
    return "/".join(str(_plain_key(key)) for key in path)


def _plain_key(key: Any) -> Any:
    return next(getattr(key, kind) for kind in ("key", "idx", "name") if hasattr(key, kind))


def _ordered(params: Any, leaves: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The leaves in the order of their containers, a dictionary's keys as ``natural`` has them."""
    import jax

    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    first: dict[Any, int] = {}
    for number, path in enumerate(paths):
        for depth in range(len(path)):
            first.setdefault(path[: depth + 1], number)

    def place(path: Any) -> tuple:
        return tuple(
            natural(str(key.key)) if isinstance(key, jax.tree_util.DictKey) else ("", first[path[: depth + 1]], 0)
            for depth, key in enumerate(path)
        )

    names = [_name(path) for path in sorted(paths, key=place)]
    return [(name, leaves[name]) for name in names]


def _has_dictionary(params: Any) -> bool:
    import jax

    paths = jax.tree_util.tree_leaves_with_path(params)
    return any(isinstance(key, jax.tree_util.DictKey) for path, _ in paths for key in path)
