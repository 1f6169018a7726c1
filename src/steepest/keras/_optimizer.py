"""What Keras expects of an optimizer: variables, config, saving. What it computes is a method of a dialect."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .. import dialects, rules
from ..dialects import Dialect
from ..errors import InputError
from ._check import bound, check_options, check_state, wide
from ._step import Part, backend_step

# What the base class of Keras keeps by itself.
_BASE = (
    "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps", "name",
)  # fmt: skip
# State that Keras makes for all variables before the next kind, where it makes the other kinds variable by variable.
_APART = ("velocity_hat", "average_gradient")


class Optimizer(keras.optimizers.Optimizer):
    """A rule as a ``keras.optimizers.Optimizer``; subclasses are made from the table of dialects.

    Its variables have the names and the order of Keras's own optimizer of the same name, so that saved weights of one
    load into the other. Its arguments are its attributes, as they are there, and may be changed before a step is
    compiled.
    """

    native: Dialect  # Keras's own dialect of this optimizer

    def __init__(self, options: dict[str, Any], dialect: str):
        check_options(type(self).native, options)
        spoken = dialects.like(type(self).native, dialect)
        full = spoken.defaults | options
        parts = [_part(each, full) for each in (spoken, spoken.fallback) if each is not None]
        super().__init__(
            learning_rate=options["learning_rate"],
            weight_decay=options["weight_decay"],
            **{name: options[name] for name in _BASE},
        )
        self.dialect = dialect
        self._usual, self._otherwise = parts[0], parts[-1]
        for name in self._own():
            setattr(self, name, list(options[name] or ()) if name == "exclude_layers" else options[name])
        self.memory: Any = None  # what a kernel of the torch backend has found of the variables

    def _own(self) -> list[str]:
        """Arguments that are not the base class's."""
        return [a.name for a in type(self).native.arguments if a.name not in (*_BASE, "learning_rate")]

    def part_of(self, variable: Any) -> Part:
        """How a variable moves: by the rule's fall-back what is no matrix, or is left out by name."""
        if self._usual is self._otherwise:
            return self._usual
        told = variable.path
        by_name = any(re.search(pattern, told) for pattern in self.exclude_layers)
        embeds = self.exclude_embeddings and "embedding" in told.lower()
        return self._otherwise if len(variable.shape) != 2 or by_name or embeds else self._usual

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state of these variables."""
        if self.built:
            return
        super().build(variables)
        self._states: list[dict[str, Any]] = [{} for _ in variables]
        parts = [self.part_of(variable) for variable in variables]
        names = dict.fromkeys(name for part in parts for name in part.arrays)
        for block in _blocks(type(self).native, list(names)):
            for variable, part, state in zip(variables, parts, self._states, strict=True):
                for name in block:
                    if name in part.arrays and not getattr(variable, "overwrite_with_gradient", False):
                        state[name] = self._array(variable, part, name)
        first = self._usual.method.initial_state(np.zeros(()))
        kind = wide(variables[0].dtype if variables else keras.backend.floatx())
        self.shared = {
            name: keras.Variable(float(first[name]), dtype=kind, trainable=False, name=name)
            for name in self._usual.method.fields.values()
            if name in self._usual.method.shared
        }

    def _array(self, variable: Any, part: Part, name: str) -> Any:
        first = float(part.method.initial_state(np.zeros(()))[name])
        initializer = keras.initializers.Constant(first)
        if name in part.method.scalars:  # a number for each variable
            return self.add_variable((), initializer, wide(variable.dtype), name=name)
        return self.add_variable_from_reference(variable, name, initializer)

    def add_variable_from_reference(self, reference_variable: Any, name: Any = None, initializer: Any = "zeros") -> Any:
        """A variable beside the reference, named as Keras would name it; float32 beside 16 bits."""
        path = getattr(reference_variable, "path", str(reference_variable.name).replace(":", "_"))
        return self.add_variable(
            shape=reference_variable.shape,
            initializer=initializer,
            dtype=wide(reference_variable.dtype),
            name=f"{path.replace('/', '_')}_{name or 'var'}",
            layout=getattr(reference_variable, "_layout", None),
        )

    def _backend_apply_gradients(self, grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
        if self.gradient_accumulation_steps:  # their sum is as wide as the state
            grads = [keras.ops.cast(g, wide(g.dtype)) for g in grads]
        super()._backend_apply_gradients(grads, trainable_variables)

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        for variable, value in backend_step(self, grads, trainable_variables, learning_rate):
            variable.assign(value)

    def stateless_apply(self, optimizer_variables: Any, grads: Any, trainable_variables: Any) -> tuple:
        """As Keras's; what is handed in stays as it is, where torch's lists in Keras's own would move it."""
        if keras.backend.backend() == "torch":
            optimizer_variables, trainable_variables = (
                [one.detach().clone() for one in column] for column in (optimizer_variables, trainable_variables)
            )
        return super().stateless_apply(optimizer_variables, grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        self._backend_update_step([gradient], [variable], learning_rate)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if self.weight_decay is None:
            return
        before = [one for one in variables if not self._within(one) and self._use_weight_decay(one)]
        if before:  # Keras fails on torch where none is left
            super()._apply_weight_decay(before)

    def _within(self, variable: Any) -> bool:
        """Whether weight decay is part of a variable's step, not before it as elsewhere in Keras.

        It is where it goes into the gradient, where parts have decays of their own, and where 16 bits are to be rounded
        once.
        """
        part = self.part_of(variable)
        own = part.method.weight_decay == "coupled" or self._usual is not self._otherwise
        return "weight_decay" in part.knobs and (own or wide(variable.dtype) != variable.dtype)

    def decays_within(self, variable: Any) -> bool:
        """Whether a variable's step shrinks it, too."""
        argument = self.part_of(variable).knobs.get("weight_decay")
        shrinks = argument is not None and getattr(self, argument)
        return bool(shrinks) and self._within(variable) and self._use_weight_decay(variable)

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[Any]) -> None:
        """Keras's, in the dtype of the average: in bfloat16, 0.999 of it would be all of it."""
        if not self.use_ema:
            return
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                kept = keras.ops.cast(keras.ops.not_equal(self.iterations, 0), average.dtype) * self.ema_momentum
                average.assign(kept * average + (1 - kept) * keras.ops.cast(variable, average.dtype))

    def state_of(self, variable: Any) -> Mapping[str, Any]:
        """The variables of a variable's own state, by name."""
        return self._states[self._get_variable_index(variable)]

    def get_config(self) -> dict[str, Any]:
        """What makes an equal optimizer: Keras's own config, and the dialect where it is not Keras's."""
        config = super().get_config() | {name: getattr(self, name) for name in self._own()}
        return config if self.dialect == "keras" else {**config, "dialect": self.dialect}

    def load_own_variables(self, store: Any) -> None:
        """Load the state that this class or Keras's own of the same name saved (see ``check_state``)."""
        if check_state(type(self).__name__, self.variables, store):
            for place, variable in enumerate(self.variables):
                variable.assign(store[str(place)])


def _part(spoken: Dialect, options: Mapping[str, Any]) -> Part:
    method = spoken.method(options)
    taken = {*rules.hyperparameters(method.rule), *(["weight_decay"] if method.weight_decay != "none" else [])}
    knobs = {str(a.means): a.name for a in spoken.arguments if a.means in taken}
    ratios = [a.name for a in spoken.arguments if a.name == "adam_lr_ratio" and spoken.fallback is None]
    return Part(method, knobs, *ratios)


def _blocks(native: Dialect, names: list[str]) -> list[list[str]]:
    """State as Keras makes it: names of one block variable by variable, block after block."""
    if native.family == "rmsprop":
        order = [name for name in ("velocity", "momentum", "average_gradient") if name in names]
        return [[name] for name in order]
    return [[name for name in names if name not in _APART], *([name] for name in names if name in _APART)]


def drop_in(native: Dialect) -> type[Optimizer]:
    """The class that stands in for Keras's of the same name, with its signature."""
    return _made(native, "steepest", __name__.rpartition(".")[0], f"keras.optimizers.{native.name}")


@functools.cache  # one class for a rule, however often it is asked for
def from_rule(rule: rules.Rule) -> type[Optimizer]:
    """The ``keras.optimizers.Optimizer`` of any rule: its own knobs, and what Keras's base class takes.

    A rule named ``my_rule`` makes the class ``MyRule``, registered under the rule's module: a saved model that was
    compiled with it loads wherever that module has been imported.
    Raises InputError for what is no rule, and for a rule that wants its gradient elsewhere than at the parameter.
    """
    native = dialects.of(rule, "keras")
    return _made(native, rule.__module__, rule.__module__, native.name)


def _made(native: Dialect, package: str, home: str, name: str) -> type[Optimizer]:
    """A class for a dialect.

    package: under which Keras registers it.  home: its module.  name: what its docstring calls it.
    """
    kind = inspect.Parameter
    told = [kind(one.name, kind.POSITIONAL_OR_KEYWORD, default=one.default) for one in native.arguments]
    own = kind("dialect", kind.KEYWORD_ONLY, default=native.framework)
    signature = inspect.Signature([kind("self", kind.POSITIONAL_OR_KEYWORD), *told, own])

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        given = bound(native.name, signature, (self, *args), named)
        dialect = given.pop("dialect", native.framework)
        given.pop("self")
        try:
            Optimizer.__init__(self, dialects.like(native, dialect).defaults | given, dialect)
        except InputError as error:
            raise ValueError(str(error)) from None

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    doc = f"{name}; dialect: keras, textbook, torch or optax."
    made: Callable[[type], Any] = keras.saving.register_keras_serializable(package=package, name=native.name)
    body = {"__init__": __init__, "native": native, "__doc__": doc, "__module__": home}
    return made(type(native.name, (Optimizer,), body))
