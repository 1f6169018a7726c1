"""What makes a function a rule: a state whose defaults are its first values, and keyword-only hyperparameters."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol, cast

from ..arrays import Array, Scalar, full_like


class Rule(Protocol):
    """``step, state = rule(g, state, t, *, learning_rate, ...)`` on one array; add the step to the parameter."""

    __name__: str
    state: type[Any]  # a NamedTuple class
    look_ahead: Callable[..., Array] | None
    usual_learning_rate: float

    def __call__(self, g: Array, state: Any, t: Scalar, **hyperparameters: Scalar) -> tuple[Array, Any]:
        """Return the step to add to the parameter, and the new state."""


def rule(
    state: type[Any], *, look_ahead: Callable[..., Array] | None = None, usual_learning_rate: float = 1e-3
) -> Callable[[Callable], Rule]:
    """Mark a function as a rule with the given state; the function itself stays as it is written.

    state: a NamedTuple class. Each default is the field's value before the first step; a field annotated ``Array``
    has the parameter's shape, one annotated ``Scalar`` none.
    look_ahead: ``look_ahead(state, **hyperparameters)``, the displacement from the parameter at which the rule wants
    its gradient, for rules that do not want it at the parameter itself.
    usual_learning_rate: the rate to try first, and the middle of those to race; 1e-3, Adam's, where nothing better is
    known.
    """

    def mark(function: Callable) -> Rule:
        marked = cast(Rule, function)
        marked.state, marked.look_ahead, marked.usual_learning_rate = state, look_ahead, usual_learning_rate
        return marked

    return mark


def initial_state(rule: Rule, parameter: Array) -> Any:
    """The rule's state before the first step, in the parameter's array library and dtype.

    For a 16-bit parameter give a float32 copy: a mean over a thousand steps does not fit in eight bits of precision.
    """
    fields, first = rule.state.__annotations__, rule.state()
    return rule.state(*(full_like(parameter, value, scalar=fields[name] is Scalar) for name, value in _items(first)))


def _items(state: Any) -> list[tuple[str, float]]:
    return list(zip(state._fields, state, strict=True))


def hyperparameters(rule: Rule) -> dict[str, float]:
    """A rule's knobs and their defaults, without the learning rate.

    >>> from steepest.rules import adam
    >>> hyperparameters(adam)
    {'b1': 0.9, 'b2': 0.999, 'epsilon': 1e-08}
    """
    signature = inspect.signature(rule)
    knobs = [knob for knob in signature.parameters.values() if knob.kind is knob.KEYWORD_ONLY]
    return {knob.name: knob.default for knob in knobs if knob.name != "learning_rate"}
