"""An optimizer: a rule, its hyperparameters, a learning-rate schedule and gradient transforms, over a whole tree."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from . import rules
from .errors import InputError, unknown
from .schedules import Schedule, as_schedule


class OptimizerState(NamedTuple):
    """t: steps taken.  rule: the rule's state for each array it is applied to, in order.  key: for gradient noise."""

    t: jax.Array
    rule: tuple[Any, ...]
    key: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Optimizer:
    """A rule with its numbers. A pytree whose leaves are the numbers: changing one never recompiles anything.

    rule: the equation.  hyperparameters: the rule's knobs by name.  schedule: learning rate at step 0, 1, ...
    transforms: applied to the gradient tree in order, before the rule.
    """

    rule: rules.Rule = field(metadata={"static": True})
    hyperparameters: dict[str, float]
    schedule: Schedule
    transforms: tuple[Callable[..., Any], ...] = ()

    @property
    def name(self) -> str:
        """The rule's name, such as ``adam``."""
        return self.rule.__name__

    @property
    def learning_rate(self) -> float:
        """The learning rate that was asked for: before any decay, after any warm-up. Its unit is the rule's."""
        return self.schedule.nominal

    def with_learning_rate(self, learning_rate: "float | Schedule") -> "Optimizer":
        """The same optimizer at another learning rate or schedule. Raises InputError for one out of range."""
        return replace(self, schedule=as_schedule(learning_rate))

    def init(self, parameters: Any, key: jax.Array | None = None) -> OptimizerState:
        """The state before the first step.  parameters: any tree of arrays.  key: for gradient noise."""
        shapes = jax.eval_shape(_join, jax.tree.leaves(parameters))
        states = tuple(_initial_state(self.rule, shape) for shape in shapes)
        return OptimizerState(jnp.array(np.int32(0)), states, jax.random.key(0) if key is None else key)

    def gradient_point(self, parameters: Any, state: OptimizerState) -> Any:
        """Where the gradient is wanted: the parameters, unless the rule looks ahead."""
        look = self.rule.look_ahead
        if look is None:
            return parameters
        leaves, tree = jax.tree.flatten(parameters)
        ahead = _split([look(s, **self.hyperparameters) for s in state.rule], leaves)
        return jax.tree.unflatten(tree, [p + d for p, d in zip(leaves, ahead, strict=True)])

    def update(self, gradients: Any, state: OptimizerState) -> tuple[Any, OptimizerState]:
        """The steps to add to the parameters, and the new state.  gradients: a tree shaped like the parameters."""
        for transform in self.transforms:
            gradients = transform(gradients, jax.random.fold_in(state.key, state.t), state.t)
        t, rate = state.t + 1, self.schedule(state.t)
        leaves, tree = jax.tree.flatten(gradients)
        moved = [
            self.rule(g, s, t, learning_rate=rate, **self.hyperparameters)
            for g, s in zip(_join(leaves), state.rule, strict=True)
        ]
        steps = jax.tree.unflatten(tree, _split([step for step, _ in moved], leaves))
        states = tuple(
            jax.tree.map(lambda new, old: new.astype(old.dtype), s, old)
            for (_, s), old in zip(moved, state.rule, strict=True)
        )
        return steps, OptimizerState(t, states, state.key)


def _initial_state(rule: rules.Rule, like: jax.ShapeDtypeStruct) -> Any:
    # By way of NumPy, whose arrays are pinned to no device: a compiled loop would hand back everything pinned where it
    # was given one pinned array, and what is pinned compiles again.
    return jax.tree.map(jnp.array, rules.initial_state(rule, np.broadcast_to(np.zeros((), like.dtype), like.shape)))


# An array of so many elements is worth a pass of its own; smaller ones cost more to call than to compute.
_LARGE = 2**16


def _join(leaves: list[Any]) -> list[Any]:
    """The arrays a rule is applied to: large leaves as they are, then the small ones of each dtype as one vector.

    An elementwise rule gives the same numbers either way. For eight small layers one call instead of eight makes a
    whole training step a tenth faster and halves the time to compile it. Sixteen-bit leaves are widened to float32:
    a mean over a thousand steps does not fit in eight bits of precision.
    """
    groups = _small(leaves)
    wide = [_wide(leaf) for leaf in leaves]
    large = [leaf for leaf in wide if leaf.size >= _LARGE]
    return large + [jnp.concatenate([jnp.ravel(wide[i]) for i in group]) for group in groups.values()]


def _wide(leaf: Any) -> Any:
    return leaf.astype(jnp.float32) if leaf.dtype.itemsize < 4 else leaf


def _split(arrays: list[Any], leaves: list[Any]) -> list[Any]:
    """The inverse of ``_join``: arrays shaped like *leaves*."""
    groups = _small(leaves)
    large = iter(arrays[: len(arrays) - len(groups)])
    parts = {i: next(large) for i, leaf in enumerate(leaves) if leaf.size >= _LARGE}
    for group, joined in zip(groups.values(), arrays[len(arrays) - len(groups) :], strict=True):
        start = 0
        for i in group:
            parts[i] = joined[start : start + leaves[i].size].reshape(leaves[i].shape)
            start += leaves[i].size
    return [parts[i] for i in range(len(leaves))]


def _small(leaves: list[Any]) -> dict[Any, list[int]]:
    groups: dict[Any, list[int]] = {}
    for i, leaf in enumerate(leaves):
        if leaf.size < _LARGE:
            groups.setdefault(leaf.dtype, []).append(i)
    return groups


def optimizer(
    name: str,
    learning_rate: float | Schedule | None = None,
    *,
    transforms: tuple[Callable[..., Any], ...] = (),
    **hyperparameters: float,
) -> Optimizer:
    """An optimizer by the name of its rule.

    learning_rate: a number, a schedule, or None for the rule's usual one.  hyperparameters: the rule's own.
    Raises InputError for an unknown name or hyperparameter (naming the nearest), for numbers out of range and for
    transforms that cannot be called.

    >>> optimizer("adam", 1e-3, b1=0.8).hyperparameters
    {'b1': 0.8, 'b2': 0.999, 'epsilon': 1e-08}
    """
    rule = rules.find(name)
    knobs = rules.hyperparameters(rule)
    for knob, value in hyperparameters.items():
        if knob not in knobs:
            raise unknown(f"hyperparameter of {rule.__name__}", knob, knobs)
        knobs[knob] = _checked(knob, value)
    rate = rule.usual_learning_rate if learning_rate is None else learning_rate
    if not isinstance(transforms, tuple | list) or not all(callable(one) for one in transforms):
        raise InputError(
            f"transforms must be a sequence of gradient transforms; received {transforms!r}. "
            "Try (ClipByGlobalNorm(1.0),)."
        )
    return Optimizer(rule, knobs, as_schedule(rate), tuple(transforms))


# Each knob's range: the decays are averages' weights, epsilon keeps a denominator from zero.
_DECAYS = ("b1", "b2", "decay", "momentum")


def _checked(knob: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if knob in _DECAYS and not 0 <= number < 1:
        raise InputError(f"{knob} must be in [0, 1); received {value}. Try {0.999 if knob == 'b2' else 0.9}.")
    if not 0 <= number < math.inf:
        raise InputError(f"{knob} must be finite and not negative; received {value}. Try 1e-8.")
    return number


def _constructor(rule: rules.Rule, name: str) -> Callable[..., Optimizer]:
    """A public constructor with the rule's own signature: ``Adam(learning_rate=1e-3, *, b1=0.9, ...)``."""

    def construct(learning_rate: float | Schedule | None = None, **knobs: Any) -> Optimizer:
        return optimizer(rule.__name__, learning_rate, **knobs)

    keyword = inspect.Parameter.KEYWORD_ONLY
    knobs: Mapping[str, float] = rules.hyperparameters(rule)
    parameters = [
        inspect.Parameter("learning_rate", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=rule.usual_learning_rate),
        *(inspect.Parameter(knob, keyword, default=value) for knob, value in knobs.items()),
        inspect.Parameter("transforms", keyword, default=()),
    ]
    construct.__name__ = construct.__qualname__ = name
    construct.__doc__ = (
        f"{name} as an Optimizer over a tree of parameters.\n\n    " + (rule.__doc__ or "").split(">>>")[0]
    )
    construct.__signature__ = inspect.Signature(parameters, return_annotation=Optimizer)  # type: ignore[attr-defined]
    return construct


SGD = _constructor(rules.sgd, "SGD")
Momentum = _constructor(rules.momentum, "Momentum")
Nesterov = _constructor(rules.nesterov, "Nesterov")
Adagrad = _constructor(rules.adagrad, "Adagrad")
RMSProp = _constructor(rules.rmsprop, "RMSProp")
Adadelta = _constructor(rules.adadelta, "Adadelta")
Adam = _constructor(rules.adam, "Adam")
Adamax = _constructor(rules.adamax, "Adamax")
Nadam = _constructor(rules.nadam, "Nadam")
