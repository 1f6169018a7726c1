"""Drop-ins for optax: change the import, and the same chain, schedule and jit go on with the same numbers.

Each function has optax's own signature and returns a ``GradientTransformation``; what it computes is a method of a
dialect. State of 16-bit parameters is float32, and the bias corrections keep every digit.
"""

import functools
import inspect
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

try:
    import optax
    import optax.contrib
except ImportError as error:
    raise ImportError("steepest.optax needs optax, which is not installed. Try: pip install optax") from error
import jax
import jax.numpy as jnp

from . import dialects, rules
from .dialects import CASE, REQUIRED, Dialect, Method
from .errors import InputError
from .kernels import Step

# argument: (its range in words, whether a number is in it, a value to try); a traced number has no value to check
_SHARE = ("in [0, 1)", lambda x: 0 <= x < 1, "0.9")
_POSITIVE = ("zero or positive, and finite", lambda x: 0 <= x < float("inf"), "1e-8")
_RANGES = dict.fromkeys(("b1", "b2", "rho", "decay"), _SHARE) | dict.fromkeys(
    ("eps", "eps_root", "momentum", "weight_decay", "learning_rate", "initial_accumulator_value", "initial_scale"),
    _POSITIVE,
)
# What optax keeps in mu_dtype.
_MEAN = "mu"


def _transformation(dialect: Dialect, options: Mapping[str, Any]) -> optax.GradientTransformationExtraArgs:
    """optax's init and update of a method, leaf by leaf."""
    _check(dialect, options)
    by_rank = _methods(dialect, options)
    mu_dtype = options.get("mu_dtype") or options.get("accumulator_dtype")
    fields = list(dict.fromkeys(name for method, _ in by_rank.values() for name in method.fields.values()))
    scalars = frozenset(name for method, _ in by_rank.values() for name in method.shared)
    State = _state_type(("count", *fields))

    def init(params: Any) -> Any:
        def first(leaf: Any, name: str) -> Any:
            method, _ = _for(leaf, by_rank)
            if name not in method.fields.values():
                return jnp.zeros(())
            return _stored(method.initial_state(_wide(jnp.asarray(leaf)))[name], name, mu_dtype)

        states = {name: _map(functools.partial(first, name=name), params) for name in fields if name not in scalars}
        states |= {name: jnp.asarray(by_rank[None][0].initial_state(jnp.zeros(()))[name]) for name in scalars}
        return State(count=jnp.zeros([], jnp.int32), **states)

    def update(updates: Any, state: Any, params: Any = None, **_: Any) -> tuple[Any, Any]:
        count = optax.safe_increment(state.count)
        masks = _decay_mask(options, params, updates)
        shared = {name: getattr(state, name) for name in scalars}
        taken: dict[tuple[Method, bool], Step] = {}

        def move(g: Any, parameter: Any, decays: bool, *kept: Any) -> tuple:
            method, numbers = _for(g, by_rank)
            given = _now(numbers, state.count, decays=decays)
            if parameter is None and (rules.wants_parameter(method.rule) or "weight_decay" in given):
                raise ValueError(
                    f"{dialect.name} has weight decay and needs the parameters; received none. "
                    "Try update(gradients, state, params)."
                )
            if (method, decays) not in taken:
                taken[method, decays] = Step(method, count, given, shared)
            at = None if parameter is None else _wide(parameter)
            own = dict(zip(arrays, kept, strict=True))
            step, new = taken[method, decays](at, _wide(g), {name: _wide(value) for name, value in own.items()})
            moved = tuple(_stored(new[n], n, mu_dtype, own[n].dtype) if n in new else own[n] for n in arrays)
            return step.astype(g.dtype), *moved

        arrays = [name for name in fields if name not in scalars]
        columns = [updates, params if params is not None else updates, masks, *(getattr(state, n) for n in arrays)]
        flat = [jax.tree.leaves(column, is_leaf=_missing) for column in columns]
        tree = jax.tree.structure(updates, is_leaf=_missing)
        if params is None:
            flat[1] = [None] * len(flat[0])
        results = [(None, *row[3:]) if row[0] is None else move(*row) for row in zip(*flat, strict=True)]
        steps, *states = (
            jax.tree.unflatten(tree, list(column))
            for column in (zip(*results, strict=True) if results else [[]] * len(flat))
        )
        named = dict(zip(arrays, states, strict=True))
        advanced = shared | {name: value for step in taken.values() for name, value in step.shared.items()}
        return steps, State(count=count, **named, **advanced)

    return optax.GradientTransformationExtraArgs(init, update)


def _methods(dialect: Dialect, options: Mapping[str, Any]) -> dict[int | None, tuple[Method, dict[str, Any]]]:
    """The method and its numbers for leaves of any rank (None), or for matrices (2) and all else where they differ."""
    chosen = [a.name for a in dialect.arguments if a.means == CASE and isinstance(options[a.name], jax.core.Tracer)]
    if chosen:
        raise ValueError(
            f"{chosen[0]} of {dialect.name} picks what is computed and must be known before; received a traced array. "
            f"Try optax.inject_hyperparams({dialect.name}, static_args={tuple(chosen)})."
        )
    try:
        usual = dialect.method(options), dialect.numbers(options)
        if dialect.fallback is None:
            return {None: usual}
        return {2: usual, None: (dialect.fallback.method(options), dialect.fallback.numbers(options))}
    except InputError as error:
        raise ValueError(str(error)) from None


def _for(leaf: Any, by_rank: dict[int | None, tuple[Method, dict[str, Any]]]) -> tuple[Method, dict[str, Any]]:
    return by_rank.get(jnp.ndim(leaf), by_rank[None])


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


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    return jax.tree.map(lambda leaf: None if leaf is None else function(leaf), tree, is_leaf=_missing)


def _wide(leaf: jax.Array) -> jax.Array:
    """A mean over a thousand steps does not fit in eight bits of precision, nor a usual epsilon in float16."""
    return leaf.astype(jnp.float32) if leaf.dtype.itemsize < 4 else leaf


def _stored(value: jax.Array, name: str, mu_dtype: Any, dtype: Any = None) -> jax.Array:
    kind = mu_dtype if name in (_MEAN, "trace") and mu_dtype is not None else dtype
    return value if kind is None else value.astype(kind)


@functools.cache
def _state_type(fields: tuple[str, ...]) -> type[Any]:
    """A state with these fields: one class for each set of them, found by name in this module so that it pickles."""
    name = "".join(part.capitalize() for field in fields for part in field.split("_")) + "State"
    made = namedtuple(name, fields)  # type: ignore[misc]
    made.__module__, made.__doc__ = __name__, f"Optimizer state: {', '.join(fields)}, as optax names them."
    globals()[name] = made
    return made


def _check(dialect: Dialect, options: Mapping[str, Any]) -> None:
    """ValueError for a number out of range. What is traced or scheduled has no value to check."""
    knobs = {argument.name for argument in dialect.arguments if argument.name == argument.means}
    for argument, value in options.items():
        if argument in _RANGES and isinstance(value, int | float):
            words, holds, usual = _RANGES[argument]
            if not holds(value):
                raise ValueError(f"{argument} of {dialect.name} must be {words}; received {value}. Try {usual}.")
        elif argument in knobs and isinstance(value, int | float):  # as its rule names it
            rules.checked(argument, value)


def drop_in(native: Dialect) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """The function that stands in for optax's of the same name, with its signature."""
    theirs = inspect.signature(getattr(optax, native.name, None) or getattr(optax.contrib, native.name)).parameters
    return _made(native, {name: one.kind for name, one in theirs.items()}, f"optax.{native.name}")


@functools.cache  # one function for a rule, however often it is asked for
def from_rule(rule: rules.Rule) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """The function that makes a ``GradientTransformation`` of any rule, its own knobs being keyword-only.

    Raises InputError for what is no rule, and for a rule that wants its gradient elsewhere than at the parameter.
    """
    return _made(dialects.of(rule, "optax"), {"learning_rate": inspect.Parameter.POSITIONAL_OR_KEYWORD}, rule.__name__)


def _made(native: Dialect, kinds: Mapping[str, Any], name: str) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """A function for a dialect.

    kinds: of its arguments, which are keyword-only otherwise.  name: what its docstring calls it.
    """
    kind = inspect.Parameter
    parameters = [
        kind(
            argument.name,
            kinds.get(argument.name, kind.KEYWORD_ONLY),
            default=kind.empty if argument.default is REQUIRED else argument.default,
        )
        for argument in native.arguments
    ]
    parameters.append(kind("dialect", kind.KEYWORD_ONLY, default="optax"))
    signature = inspect.Signature(parameters, return_annotation=optax.GradientTransformationExtraArgs)

    def make(*args: Any, **named: Any) -> optax.GradientTransformationExtraArgs:
        given = dict(signature.bind(*args, **named).arguments)
        try:
            spoken = dialects.like(native, given.pop("dialect", native.framework))
        except InputError as error:
            raise ValueError(str(error)) from None
        return _transformation(spoken, spoken.defaults | given)

    make.__signature__ = signature  # type: ignore[attr-defined]
    make.__name__ = make.__qualname__ = native.name
    make.__doc__ = f"{name} in the dialect of choice: optax, textbook, torch or keras."
    return make


_FUNCTIONS = {native.name: drop_in(native) for native in dialects.FRAMEWORKS["optax"]}
globals().update(_FUNCTIONS)

__all__ = ["from_rule", *_FUNCTIONS]  # noqa: PLE0604 - made from the table of dialects

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
