"""What makes a function a rule: a state whose defaults are its first values, and keyword-only hyperparameters."""

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, cast, get_args

from ..arrays import Array, Scalar, full_like
from ..errors import InputError

# Names of what the frameworks' optimizers take besides a rule's knobs.
_TAKEN = ("dialect", "lr", "maximize", "name", "parameters", "params", "self", "stochastic_rounding")
Needs = Mapping[str, Mapping[str, tuple[str, ...]]]  # a state's field -> a choice -> its values that need the field


class Rule(Protocol):
    """``step, state = rule(g, state, t, *, learning_rate, ...)`` on one array; add the step to the parameter."""

    __name__: str
    state: type[Any]  # a NamedTuple class
    look_ahead: Callable[..., Array] | None
    usual_learning_rate: float
    elementwise: bool
    fallback: "Rule | None"
    needs: Needs

    def __hash__(self) -> int:
        """A rule is one function, and equals itself alone."""

    def __call__(self, g: Array, state: Any, t: Scalar, **hyperparameters: Any) -> tuple[Array, Any]:
        """Return the step to add to the parameter, and the new state."""


def rule(
    state: type[Any],
    *,
    look_ahead: Callable[..., Array] | None = None,
    usual_learning_rate: float = 1e-3,
    elementwise: bool = True,
    fallback: Rule | None = None,
    needs: Needs = MappingProxyType({}),
) -> Callable[[Callable], Rule]:
    """Mark a function as a rule with the given state; the function itself stays as it is written.

    A keyword-only parameter of the function is a number (a knob), a choice among words (annotated ``Literal``), the
    ``learning_rate``, or the ``parameter`` itself, for rules that move by where the parameter is.
    state: a NamedTuple class. Each default is the field's value before the first step; a field annotated ``Array``
    has the parameter's shape, one annotated ``Scalar`` none.
    look_ahead: ``look_ahead(state, **hyperparameters)``, the displacement from the parameter at which the rule wants
    its gradient, for rules that do not want it at the parameter itself.
    usual_learning_rate: the rate to try first, and the middle of those to race; 1e-3, Adam's, where nothing better is
    known.
    elementwise: whether each entry moves by its own gradient alone; False where the rule wants a whole array.
    fallback: the rule for what is not a matrix, where this one is for matrices alone; it takes the knobs it shares.
    needs: fields that only some choices keep, ``{"m": {"around": ("mean",)}}``; they are None otherwise.
    Raises InputError, saying what to write, where the state or the function is not as a rule has them.
    """
    _check_state(state)

    def mark(function: Callable) -> Rule:
        _check_function(function)
        marked = cast(Rule, function)
        marked.state, marked.look_ahead, marked.usual_learning_rate = state, look_ahead, usual_learning_rate
        marked.elementwise, marked.fallback, marked.needs = elementwise, fallback, needs
        return marked

    return mark


def _check_state(state: type[Any]) -> None:
    if not isinstance(state, type) or not hasattr(state, "_field_defaults"):
        raise InputError(
            f"A rule's state is a NamedTuple class; received {state!r}. Try class MyState(NamedTuple): ..."
        )
    for name in state._fields:
        kind = state.__annotations__.get(name)
        if name not in state._field_defaults or (kind is not Array and kind is not Scalar):
            raise InputError(
                f"The field {name} of {state.__name__} must be annotated Array or Scalar of steepest.arrays, not as a "
                f"string (leave out `from __future__ import annotations`), and have its first value. "
                f"Try {name}: Array = 0.0."
            )


def _check_function(function: Callable) -> None:
    name, parameters = getattr(function, "__name__", repr(function)), inspect.signature(function).parameters
    placed = [one for one, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    if len(placed) < 3 or "learning_rate" not in parameters or "learning_rate" in placed[:3]:
        raise InputError(
            f"{name} must take a gradient, a state, a step count and, by keyword, the learning rate and its knobs; "
            f"received {name}{inspect.signature(function)}. Try def {name}(g, state, t, *, learning_rate, ...)."
        )
    for one, parameter in parameters.items():
        if one in _TAKEN:
            raise InputError(
                f"The knob {one} of {name} has a name that drop-ins use themselves. Rename it"
                f"{'; the learning rate is learning_rate' if one == 'lr' else ''}."
            )
        if parameter.kind is not parameter.KEYWORD_ONLY or one in ("learning_rate", "parameter"):
            continue
        if isinstance(parameter.default, str) and parameter.default not in get_args(parameter.annotation):
            raise InputError(
                f"The choice {one} of {name} must list its words. Try {one}: Literal[{parameter.default!r}, ...]."
            )


def initial_state(rule: Rule, parameter: Array, **choices: str) -> Any:
    """The rule's state before the first step, in the parameter's array library and dtype.

    For a 16-bit parameter give a float32 copy: a mean over a thousand steps does not fit in eight bits of precision.
    choices: as for the rule. A field that they do not need is None.
    """
    kept = fields(rule, **choices)
    return rule.state(
        **{
            field: full_like(parameter, first, scalar=rule.state.__annotations__[field] is Scalar)
            for field, first in kept.items()
        },
        **dict.fromkeys(set(rule.state._fields) - set(kept)),
    )


def fields(rule: Rule, **choices: str) -> dict[str, float]:
    """The fields of a rule's state that these choices keep, and their values before the first step.

    >>> from steepest.rules import rmsprop
    >>> fields(rmsprop), fields(rmsprop, around="mean")
    ({'v': 0.0}, {'v': 0.0, 'm': 0.0})
    """
    chosen = {name: one.default for name, one in _keywords(rule).items()} | choices
    return {
        field: first
        for field, first in rule.state._field_defaults.items()
        if all(chosen[choice] in values for choice, values in rule.needs.get(field, {}).items())
    }


def hyperparameters(rule: Rule) -> dict[str, float]:
    """A rule's knobs and their defaults, without the learning rate.

    >>> from steepest.rules import adam
    >>> hyperparameters(adam)["b2"]
    0.999
    """
    return {
        name: knob.default
        for name, knob in _keywords(rule).items()
        if name not in ("learning_rate", "parameter") and not isinstance(knob.default, str)
    }


def choices(rule: Rule) -> dict[str, tuple[str, ...]]:
    """The words that a rule's choices may be, the default first.

    >>> from steepest.rules import rmsprop
    >>> choices(rmsprop)["epsilon_at"]
    ('inside', 'outside')
    """
    words = {name: knob for name, knob in _keywords(rule).items() if isinstance(knob.default, str)}
    return {
        name: (knob.default, *(word for word in get_args(knob.annotation) if word != knob.default))
        for name, knob in words.items()
    }


def wants_parameter(rule: Rule) -> bool:
    """Whether a rule is to be given the parameter itself, as ``parameter``."""
    return "parameter" in _keywords(rule)


@functools.cache
def _keywords(rule: Any) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(rule).parameters
    return {name: one for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY}
