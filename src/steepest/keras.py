"""Drop-ins for keras.optimizers on the JAX and torch backends: the same config, variables and ``model.fit``.

What each computes is a method of a dialect. State of 16-bit variables is float32, and a step is computed in float32
and rounded once. On the torch backend a whole step is one pass over memory.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

try:
    import keras
except ImportError as error:
    raise ImportError("steepest.keras needs Keras 3, which is not installed. Try: pip install keras") from error

from . import dialects
from .dialects import Dialect, Method
from .errors import InputError

if keras.backend.backend() not in ("jax", "torch"):
    raise ImportError(
        f"steepest.keras runs on Keras's JAX and torch backends; received '{keras.backend.backend()}'. "
        "Set KERAS_BACKEND=jax or KERAS_BACKEND=torch before Keras is imported."
    )

# What the base class of Keras keeps by itself.
_BASE = (
    "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps", "name",
)  # fmt: skip
# State that Keras makes for all variables before the next kind, where it makes the other kinds variable by variable.
_APART = ("velocity_hat", "average_gradient")
_SHARE = ("in [0, 1)", lambda x: 0 <= x < 1, "0.9")
_POSITIVE = ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "1e-7")
_RANGES = dict.fromkeys(("beta_1", "beta_2", "rho", "momentum"), _SHARE) | dict.fromkeys(
    ("epsilon", "initial_accumulator_value", "weight_decay", "learning_rate"), _POSITIVE
)


class Optimizer(keras.optimizers.Optimizer):
    """A rule as a ``keras.optimizers.Optimizer``; subclasses are made from the table of dialects.

    Its variables have the names and the order of Keras's own optimizer of the same name, so that saved weights of one
    load into the other.
    """

    native: Dialect  # Keras's own dialect of this optimizer

    def __init__(self, options: dict[str, Any], dialect: str):
        _check(type(self).__name__, options)
        spoken = dialects.like(type(self).native, dialect)
        full = spoken.defaults | options
        method, numbers = spoken.method(full), spoken.numbers(full)
        del numbers["learning_rate"]  # Keras's, which may be a schedule
        coupled = method.weight_decay == "coupled"
        if method.weight_decay == "decoupled":
            numbers.pop("weight_decay", None)  # Keras's base class shrinks the variables,
        elif not coupled and "weight_decay" in numbers:
            numbers["weight_decay"] = 0.0  # also where the rule could
        super().__init__(
            learning_rate=options["learning_rate"],
            weight_decay=None if coupled else options["weight_decay"],
            **{name: options[name] for name in _BASE},
        )
        self.dialect = dialect
        self._own = {name: value for name, value in options.items() if name not in (*_BASE, "learning_rate")}
        self._method: Method = method
        self._numbers: dict[str, Any] = numbers
        self._memory: Any = None  # what a kernel of the torch backend has found of the variables

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state of these variables."""
        if self.built:
            return
        super().build(variables)
        self._states: dict[str, list[Any]] = {name: [] for name in self._arrays()}
        for names in _blocks(type(self).native, list(self._states)):
            for variable in variables:
                for name in names:
                    self._states[name].append(self._variable(variable, name))
        first = self._method.initial_state(_zero())
        kind = variables[0].dtype if variables else keras.backend.floatx()
        self._scalars = {
            name: keras.Variable(float(first[name]), dtype=_wide(kind), trainable=False, name=name)
            for name in self._method.fields.values()
            if name in self._method.scalars
        }

    def _arrays(self) -> list[str]:
        return [name for name in self._method.fields.values() if name not in self._method.scalars]

    def _variable(self, reference: Any, name: str) -> Any:
        """A variable beside the reference, named as Keras would name it; float32 beside 16 bits."""
        if getattr(reference, "overwrite_with_gradient", False):
            return None
        value = float(self._method.initial_state(_zero())[name])
        path = getattr(reference, "path", str(reference.name).replace(":", "_"))
        return self.add_variable(
            shape=reference.shape,
            initializer=keras.initializers.Constant(value),
            dtype=_wide(reference.dtype),
            name=f"{path.replace('/', '_')}_{name}",
            layout=getattr(reference, "_layout", None),
        )

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        step = _torch_step if keras.backend.backend() == "torch" else _jax_step
        for variable, value in step(self, grads, trainable_variables, learning_rate):
            variable.assign(value)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        self._backend_update_step([gradient], [variable], learning_rate)

    def state_of(self, variable: Any) -> dict[str, Any]:
        """The variables of a variable's own state, by name."""
        place = self._get_variable_index(variable)
        return {name: column[place] for name, column in self._states.items()}

    def get_config(self) -> dict[str, Any]:
        """What makes an equal optimizer: Keras's own config, and the dialect where it is not Keras's."""
        config = super().get_config() | self._own
        return config if self.dialect == "keras" else {**config, "dialect": self.dialect}

    def load_own_variables(self, store: Any) -> None:
        """Load the state that this class or Keras's own of the same name saved; ValueError for another's."""
        if len(store.keys()) != len(self.variables):
            raise ValueError(
                f"The saved state has {len(store.keys())} variables where this {type(self).__name__} has "
                f"{len(self.variables)}: it is another optimizer's, or one with other options."
            )
        for place, variable in enumerate(self.variables):
            saved = store[str(place)]
            if tuple(saved.shape) != tuple(variable.shape):
                raise ValueError(
                    f"{variable.path} has the shape {tuple(variable.shape)} here and {tuple(saved.shape)} in the saved "
                    "state: it is another model's."
                )
            variable.assign(saved)


def _jax_step(optimizer: Optimizer, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> list:
    """What to assign: every variable and its state, then the state that all share."""
    t, moved = optimizer.iterations + 1, []
    scalars = {name: scalar.value for name, scalar in optimizer._scalars.items()}
    new = dict(scalars)
    for g, variable in zip(grads, variables, strict=True):
        kind = _wide(variable.dtype)
        state = optimizer.state_of(variable)
        kept = {name: one.value for name, one in state.items()} | scalars
        numbers = optimizer._numbers | {"learning_rate": keras.ops.cast(learning_rate, kind)}
        p = keras.ops.cast(variable.value, kind)
        step, after = optimizer._method(p, keras.ops.cast(g, kind), kept, t, numbers)
        moved.append((variable, keras.ops.cast(p + step, variable.dtype)))
        moved += [(one, after[name]) for name, one in state.items()]
        new |= {name: after[name] for name in scalars}
    return moved + [(optimizer._scalars[name], value) for name, value in new.items()]


def _torch_step(optimizer: Optimizer, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> list:
    """Move everything in place by one kernel; returns what is left to assign, the state that all share."""
    import torch

    from .tensors import Alike, Memory, move_lists

    if optimizer._memory is None:
        optimizer._memory = Memory()
    rate = {"learning_rate": float(learning_rate)}
    numbers = {name: float(value) for name, value in optimizer._numbers.items()} | rate
    names = [name for name in optimizer._method.fields.values() if name in optimizer._method.scalars]
    values = float(optimizer.iterations) + 1, *(float(optimizer._scalars[name]) for name in names)
    new: tuple[float, ...] = values[1:]
    with torch.no_grad():
        places: dict[tuple, list[int]] = {}
        for place, (g, variable) in enumerate(zip(grads, variables, strict=True)):
            places.setdefault((variable.value.device, variable.value.dtype, g.dtype), []).append(place)
        for (device, *_), chosen in places.items():
            states = [{n: one.value for n, one in optimizer.state_of(variables[i]).items()} for i in chosen]
            parameters = [variables[i].value.data for i in chosen]
            alike = Alike(parameters, [grads[i] for i in chosen], states)
            move = optimizer._memory.move if device.type == "cpu" else move_lists
            new = move(optimizer._method, numbers, alike, values, None)
    return [(optimizer._scalars[name], value) for name, value in zip(names, new, strict=True)]


def _blocks(native: Dialect, names: list[str]) -> list[list[str]]:
    """State as Keras makes it: names of one block variable by variable, block after block."""
    if native.family == "rmsprop":
        order = [name for name in ("velocity", "momentum", "average_gradient") if name in names]
        return [[name] for name in order]
    return [[name for name in names if name not in _APART], *([name] for name in names if name in _APART)]


def _wide(dtype: Any) -> str:
    name = keras.backend.standardize_dtype(dtype)
    return "float32" if name in ("float16", "bfloat16") else name


def _zero() -> Any:
    import numpy as np

    return np.zeros(())


def _check(name: str, options: dict[str, Any]) -> None:
    for argument, value in options.items():
        if argument in _RANGES and isinstance(value, int | float) and not isinstance(value, bool):
            words, holds, usual = _RANGES[argument]
            if not holds(value):
                raise ValueError(f"{argument} of {name} must be {words}; received {value}. Try {usual}.")


def drop_in(native: Dialect) -> type[Optimizer]:
    """The class that stands in for Keras's of the same name, with its signature."""
    kind = inspect.Parameter
    told = [kind(one.name, kind.POSITIONAL_OR_KEYWORD, default=one.default) for one in native.arguments]
    own = kind("dialect", kind.KEYWORD_ONLY, default=native.framework)
    signature = inspect.Signature([kind("self", kind.POSITIONAL_OR_KEYWORD), *told, own])

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        given = dict(signature.bind(self, *args, **named).arguments)
        dialect = given.pop("dialect", native.framework)
        given.pop("self")
        try:
            Optimizer.__init__(self, dialects.like(native, dialect).defaults | given, dialect)
        except InputError as error:
            raise ValueError(str(error)) from None

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    doc = f"keras.optimizers.{native.name}; dialect: keras, textbook, torch or optax."
    made: Callable[[type], Any] = keras.saving.register_keras_serializable(package="steepest", name=native.name)
    body = {"__init__": __init__, "native": native, "__doc__": doc, "__module__": __name__}
    return made(type(native.name, (Optimizer,), body))


# Muon wants whole matrices, tells them by their layers' names and keeps other state for the rest: not yet here.
_CLASSES = {native.name: drop_in(native) for native in dialects.FRAMEWORKS["keras"] if native.fallback is None}
globals().update(_CLASSES)

__all__ = ["Optimizer", *_CLASSES]  # noqa: PLE0604 - made from the table of dialects

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
