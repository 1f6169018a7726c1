"""One parameter's state from one method to another: what is exact, what is not and why."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import rules
from ..arrays import one_minus_power
from ..dialects import Method
from ._checkpoint import Parameter, before_first_step, now, wide
from ._refusals import Refusals

# A field of a rule's state -> the choice or number that it depends on. All others are the same whatever the method.
DEPENDS = {
    (rules.momentum, "v"): "rate_at",
    (rules.nesterov, "v"): "rate_at",
    (rules.rmsprop_momentum, "u"): "rate_at",
    (rules.adamax, "u"): "epsilon_at",
    (rules.amsgrad, "v_max"): "correction",
}
# Rules whose fields of one name are one thing.
_KIN = (
    {rules.sgd, rules.momentum, rules.nesterov},
    {rules.rmsprop, rules.rmsprop_momentum},
    {rules.adam, rules.amsgrad, rules.nadam, rules.radam},
)
_ROUNDING = 2.0**-23  # Keras keeps a learning rate in float32, optax what is injected


def kin(one: rules.Rule, other: rules.Rule) -> bool:
    """Whether the state of one rule says anything to the other."""
    return one == other or any(one in family and other in family for family in _KIN)


@dataclass(frozen=True)
class Side:
    """What a method computes, every choice and number of it told."""

    method: Method
    choices: dict[str, str]
    numbers: dict[str, Any]
    scheduled: bool

    @classmethod
    def of(cls, parameter: Parameter, step_count: int | None) -> "Side":
        """A parameter's side; schedules as they stand after so many steps."""
        method = parameter.method
        assert method is not None
        choices = {name: words[0] for name, words in rules.choices(method.rule).items()} | dict(method.choices)
        numbers = {**rules.hyperparameters(method.rule), **(parameter.numbers or {}), **dict(method.fixed)}
        told = {name: now(value, step_count) for name, value in numbers.items()}
        return cls(method, choices, told, parameter.scheduled)


@dataclass(frozen=True)
class Change:
    """From a source to a target: their methods, and where training stands.

    rate: the learning rate from now on.
    """

    source: Parameter
    target: Parameter
    step_count: int | None
    rate: float
    refusals: Refusals

    @cached_property
    def ours(self) -> Side:
        """The source's."""
        return Side.of(self.source, self.step_count)

    @cached_property
    def theirs(self) -> Side:
        """The target's."""
        return Side.of(self.target, self.step_count)

    def compare(self) -> None:
        """Note where the target does not compute what the source does, whatever the state."""
        ours, theirs = self.ours, self.theirs
        mine, other = ours.method.rule, theirs.method.rule
        if mine != other:
            self.refusals.add("rule", f"It was {mine.__name__}, here it is {other.__name__}.")
        no_epsilon = ours.numbers.get("epsilon") == theirs.numbers.get("epsilon") == 0
        for name in sorted(ours.choices.keys() & theirs.choices.keys() - {"rate_at"}):
            a, b = ours.choices[name], theirs.choices[name]
            if a != b and not (name == "epsilon_at" and no_epsilon):
                self.refusals.add(name, f"It was '{a}', here it is '{b}'.")
        alone = set(rules.hyperparameters(mine)) ^ set(rules.hyperparameters(other))
        for name in sorted((ours.numbers.keys() | theirs.numbers.keys()) - alone):
            a, b = ours.numbers.get(name, 0), theirs.numbers.get(name, 0)
            if not equal(a, b):
                self.refusals.add(name, f"It was {plain(a)}, here it is {plain(b)}.")
        ways = [side.method.weight_decay for side in (ours, theirs) if "weight_decay" in side.numbers]
        # In plain gradient descent the two are one.
        if mine != rules.sgd and "none" not in ways and len(set(ways)) == 2:
            self.refusals.add("weight_decay", f"It was {ways[0]}, here it is {ways[1]}.")

    def state(self) -> dict[str, np.ndarray]:
        """The source's state as the target's method keeps it, in the source's dtypes."""
        return {field: self._field(field) for field in self.theirs.method.fields}

    def _field(self, field: str) -> np.ndarray:
        if self.theirs.method.rule == rules.nadam and field == "mu_product":
            return self._product(field)
        state = self.source.state or {}
        if field not in state:
            return self._missing(field)
        value = state[field]
        depends = DEPENDS.get((self.theirs.method.rule, field), "")
        if self.ours.choices.get(depends) == self.theirs.choices.get(depends):
            return value
        return _BY[depends](self, field, value.astype(np.float64)).astype(value.dtype)

    def _product(self, field: str) -> np.ndarray:
        """Nadam's product of momenta, which not all keep; forced, as if the schedule had always been the target's."""
        told = {name: self.theirs.numbers[name] for name in ("b1", "momentum_decay")}
        same = all(equal(self.ours.numbers.get(name), value) for name, value in told.items())
        state = self.source.state or {}
        if same and field in state:
            return state[field]
        if not same and self.step_count:
            self.refusals.add(field, "The product of all momenta so far is that of another schedule of the momentum.")
        return np.asarray(momentum_product(self.step_count or 0, **told))

    def _missing(self, field: str) -> np.ndarray:
        """What a rule of the same kin does not keep; that it is another rule has been noted."""
        method, state = self.theirs.method, self.source.state or {}
        if field == "v_max" and "v" in state:  # the largest that is known
            corrected = self.theirs.choices["correction"] == "before"
            return state["v"] / self._correction() if corrected else state["v"]
        return before_first_step(method, self.source.value, wide(self.source.value.dtype))[field]

    def _correction(self) -> float:
        return one_minus_power(self.ours.numbers["b2"], self.step_count) if self.step_count else 1.0


def _by_rate(change: Change, field: str, value: np.ndarray) -> np.ndarray:
    """v with the rate inside is the rate times v with it outside, as long as the rate stays what it is."""
    if change.ours.scheduled or change.theirs.scheduled:
        change.refusals.add(
            field,
            "The learning rate stands inside the velocity on one side and outside on the other, which is one thing "
            "only while it is constant, and it is scheduled.",
        )
    if change.theirs.choices["rate_at"] == "inside":
        return value * change.rate
    if change.rate == 0 and value.any():
        change.refusals.add(
            field, "A learning rate of 0 would divide the velocity, in which it stands; forced, it is 0."
        )
    return value / change.rate if change.rate else np.zeros_like(value)


def _by_epsilon(change: Change, field: str, value: np.ndarray) -> np.ndarray:
    """Forced, the divisor stays what it is: u with epsilon in it is u + epsilon without."""
    epsilon = change.ours.numbers["epsilon"]
    if epsilon:
        change.refusals.add(field, "On one side the maximum has epsilon in it, and where it counted is forgotten.")
    within = change.theirs.choices["epsilon_at"] == "within"
    return value + epsilon if within else np.maximum(value - epsilon, 0)


def _by_correction(change: Change, field: str, value: np.ndarray) -> np.ndarray:
    """The maximum of corrected mean squares is not that of raw ones; forced, it is corrected at today's step count."""
    mine, theirs = change.ours.choices["correction"], change.theirs.choices["correction"]
    if "before" not in (mine, theirs):
        return value  # raw on both sides
    change.refusals.add(field, "On one side the maximum is of corrected mean squares, on the other of raw ones.")
    factor = change._correction()
    return value / factor if theirs == "before" else value * factor


_BY: dict[str, Callable[[Change, str, np.ndarray], np.ndarray]] = {
    "rate_at": _by_rate,
    "epsilon_at": _by_epsilon,
    "correction": _by_correction,
}


def momentum_product(step_count: int, *, b1: float, momentum_decay: float) -> float:
    """Nadam's mu_product after so many steps.

    >>> round(momentum_product(2, b1=0.9, momentum_decay=float("inf")), 12)
    0.81
    """
    state = rules.NadamState()
    for t in range(1, step_count + 1):
        _, state = rules.nadam(0.0, state, t, learning_rate=0.0, b1=b1, momentum_decay=momentum_decay)
        if state.mu_product == 0:  # no longer a number of any size
            break
    return state.mu_product


def equal(a: Any, b: Any) -> bool:
    """Whether two options are one, to the rounding of float32."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return math.isclose(float(a or 0), float(b or 0), rel_tol=_ROUNDING)


def plain(value: Any) -> str:
    """A number as an error shows it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
