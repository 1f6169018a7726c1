"""optax's init and update of a method, leaf by leaf."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .. import rules
from ..dialects import CASE, Dialect, Method
from ..errors import InputError
from ..kernels import Step
from ._check import check_columns, check_leaf, check_options, check_shapes, check_state
from ._state import as_array, state_type, stored, wide


class _Way(NamedTuple):
    """How a leaf is moved: a method, its numbers, and the same method with the state that it begins with.

    A first value may be traced, and a method that has one cannot be looked up.
    """

    method: Method
    numbers: Mapping[str, Any]
    begun: Method


_Ways = Mapping[int | None, _Way]


def transformation(dialect: Dialect, options: Mapping[str, Any]) -> optax.GradientTransformationExtraArgs:
    """What a dialect computes with these options; ValueError for what they cannot be."""
    check_options(dialect, options)
    moves = _Moves(dialect, options, _ways(dialect, options))
    return optax.GradientTransformationExtraArgs(moves.init, moves.update)


class _Moves:
    """A dialect with its options, as functions of parameters, gradients and state."""

    def __init__(self, dialect: Dialect, options: Mapping[str, Any], ways: _Ways):
        self._name, self._options, self._ways = dialect.name, options, ways
        self._mu_dtype = options.get("mu_dtype") or options.get("accumulator_dtype")
        fields = list(dict.fromkeys(name for way in ways.values() for name in way.method.fields.values()))
        self._scalars = frozenset(name for way in ways.values() for name in way.method.shared)
        self._arrays = [name for name in fields if name not in self._scalars]
        self._state = state_type(("count", *fields))

    def init(self, params: Any) -> Any:
        """The state before the first step."""

        def first(leaf: Any) -> dict[str, Any]:
            array = as_array(leaf)
            way = _for(array, self._ways)
            check_leaf(self._name, way.method, array)
            return way.begun.initial_state(wide(array))

        leaves, tree = jax.tree.flatten(params, is_leaf=_missing)
        firsts = [None if leaf is None else first(leaf) for leaf in leaves]
        begun = self._ways[None].begun.initial_state(jnp.zeros(()))
        states = {name: jax.tree.unflatten(tree, [self._part(one, name) for one in firsts]) for name in self._arrays}
        states |= {name: jnp.asarray(begun[name]) for name in self._scalars}
        return self._state(count=jnp.zeros([], jnp.int32), **states)

    def _part(self, first: Mapping[str, Any] | None, name: str) -> Any:
        """The part of that name, 0 where the leaf's method keeps none."""
        if first is None:
            return None
        return stored(first[name], name, self._mu_dtype) if name in first else jnp.zeros(())

    def update(self, updates: Any, state: Any, params: Any = None, **_: Any) -> tuple[Any, Any]:
        """The steps to add to the parameters, and the new state."""
        check_state(self._name, self._state, state)
        columns = {"gradients": updates, "params": params, "mask": _decay_mask(self._options, params, updates)}
        columns |= {name: getattr(state, name) for name in self._arrays}
        flat = {name: jax.tree.leaves(column, is_leaf=_missing) for name, column in columns.items()}
        if params is None:
            flat["params"] = [None] * len(flat["gradients"])
        check_columns(self._name, flat)
        leaf = _Leaves(self, updates, state)
        rows = enumerate(zip(*flat.values(), strict=True))
        results = [(None, *row[3:]) if row[0] is None else leaf.move(place, *row) for place, row in rows]
        tree = jax.tree.structure(updates, is_leaf=_missing)
        moved = zip(*results, strict=True) if results else [()] * (1 + len(self._arrays))
        steps, *states = (jax.tree.unflatten(tree, list(column)) for column in moved)
        return steps, self._state(count=leaf.count, **dict(zip(self._arrays, states, strict=True)), **leaf.shared())


class _Leaves:
    """The leaves of one update, which share what no entry decides."""

    def __init__(self, of: _Moves, updates: Any, state: Any):
        self._of, self._updates, self._before = of, updates, state.count
        self._shared = {name: getattr(state, name) for name in of._scalars}
        self._taken: dict[tuple[Method, bool], Step] = {}
        self.count = optax.safe_increment(state.count)

    def shared(self) -> dict[str, Any]:
        """The state's scalars, as the leaves that moved have left them."""
        return self._shared | {name: value for step in self._taken.values() for name, value in step.shared.items()}

    def move(self, place: int, g: Any, parameter: Any, decays: bool, *kept: Any) -> tuple[Any, ...]:
        """A leaf's step and its new state."""
        of, g, own = self._of, as_array(g), dict(zip(self._of._arrays, kept, strict=True))
        parameter = None if parameter is None else as_array(parameter)
        method = _for(g, of._ways).method
        mine = {name: own[name] for name in method.fields.values() if name not in method.scalars}
        check_leaf(of._name, method, g)
        check_shapes(of._name, self._updates, place, g, {"params": parameter, **mine})
        at = None if parameter is None else wide(parameter)
        state = {name: wide(as_array(value)) for name, value in own.items()}
        step, new = self._step(method, g, parameter, decays)(at, wide(g), state)
        # As optax has it: what keeps nothing is as wide as the gradient.
        kind = jnp.promote_types(g.dtype, parameter.dtype) if parameter is not None and mine else g.dtype
        moved = (stored(new[n], n, of._mu_dtype, own[n].dtype) if n in new else own[n] for n in of._arrays)
        return step.astype(kind), *moved

    def _step(self, method: Method, g: jax.Array, parameter: Any, decays: bool) -> Step:
        """A method's step, which leaves of one kind share."""
        given = _now(_for(g, self._of._ways).numbers, self._before, decays=decays)
        if parameter is None and (rules.wants_parameter(method.rule) or "weight_decay" in given):
            raise ValueError(
                f"{self._of._name} has weight decay and needs the parameters; received none. "
                "Try update(gradients, state, params)."
            )
        if (method, decays) not in self._taken:
            self._taken[method, decays] = Step(method, self.count, given, self._shared)
        return self._taken[method, decays]


def _ways(dialect: Dialect, options: Mapping[str, Any]) -> _Ways:
    """The way of leaves of any rank (None), or of matrices (2) and all else where they differ."""
    chosen = [a.name for a in dialect.arguments if a.means == CASE and isinstance(options[a.name], jax.core.Tracer)]
    if chosen:
        raise ValueError(
            f"{chosen[0]} of {dialect.name} picks what is computed and must be known before; received a traced array. "
            f"Try optax.inject_hyperparams({dialect.name}, static_args={tuple(chosen)})."
        )
    try:
        usual = _way(dialect, options)
        if dialect.fallback is None:
            return {None: usual}
        return {2: usual, None: _way(dialect.fallback, options)}
    except InputError as error:
        raise ValueError(str(error)) from None


def _way(dialect: Dialect, options: Mapping[str, Any]) -> _Way:
    begun = dialect.method(options)
    return _Way(replace(begun, first=()), dialect.numbers(options), begun)


def _for(leaf: jax.Array, ways: _Ways) -> _Way:
    return ways.get(leaf.ndim, ways[None])


def _now(numbers: Mapping[str, Any], count: jax.Array, *, decays: bool) -> dict[str, Any]:
    """The numbers of this step: schedules at the count, no weight decay where the mask has none."""
    now = {name: value(count) if callable(value) else value for name, value in numbers.items()}
    if now["learning_rate"] is None:  # optax would climb
        now["learning_rate"] = 1.0
    if not decays:
        now.pop("weight_decay", None)
    return now


def _decay_mask(options: Mapping[str, Any], params: Any, updates: Any) -> Any:
    mask = options.get("mask", options.get("weight_decay_mask"))
    if mask is None:
        return jax.tree.map(lambda _: True, updates, is_leaf=_missing)
    told = mask(params if params is not None else updates) if callable(mask) else mask
    return jax.tree.broadcast(told, updates, is_leaf=_missing)


def _missing(leaf: Any) -> bool:
    return leaf is None
