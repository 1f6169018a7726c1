"""All rules of a race as one, so that one compiled program serves every run of it.

Compiling a training loop takes about half a second whatever the rule, of which the rule is a small part. A rule that
chooses among several by a number, which is an argument of the program, is compiled once for all of them: on two cores
the nine rules take 0.5 s instead of 4, and the choice costs a small network's step about a fifteenth of its time.
"""

import functools
from collections import namedtuple
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from .. import rules
from ..arrays import Array, Scalar
from ..optimizer import Optimizer


def together(optimizers: Iterable[Optimizer]) -> Callable[[Optimizer], Optimizer]:
    """What to run in place of each of these optimizers: one that moves the same, in a program that they all share.

    A rule that looks ahead runs as it is, since it wants its gradient elsewhere, and so does one that wants whole
    arrays, since the others have theirs joined.
    """
    joined = tuple(
        dict.fromkeys(one.rule for one in optimizers if one.rule.look_ahead is None and one.rule.elementwise)
    )
    if len(joined) < 2:
        return lambda one: one
    rule, knobs = _any_of(joined)

    def as_one(one: Optimizer) -> Optimizer:
        if one.rule not in joined:
            return one
        own = {f"{one.rule.__name__}.{knob}": value for knob, value in one.hyperparameters.items()}
        return replace(one, rule=rule, hyperparameters={"which": joined.index(one.rule), **knobs, **own})

    return as_one


@functools.lru_cache(maxsize=8)
def _any_of(joined: tuple[rules.Rule, ...]) -> tuple[rules.Rule, dict[str, float]]:
    """A rule that moves as the one numbered *which* does, and all their knobs as ``rule.knob`` with their defaults."""
    slots = {rule: _slots(rule) for rule in joined}
    shared = sorted({slot for own in slots.values() for slot in own.values()}, key=repr)
    names = {slot: f"slot_{number}" for number, slot in enumerate(shared)}
    State = namedtuple("State", names.values(), defaults=[first for _, first, _ in shared])  # type: ignore[misc]
    State.__annotations__ = {names[slot]: Scalar if slot[0] else Array for slot in shared}

    def branch(rule: rules.Rule) -> Callable:
        fields = {field: names[slot] for field, slot in slots[rule].items()}
        nothing = dict.fromkeys(set(rule.state._fields) - set(fields))

        def move(g: Array, state: Any, t: Scalar, numbers: dict[str, Any], knobs: dict[str, Scalar]) -> tuple:
            own = rule.state(**nothing, **{field: getattr(state, name) for field, name in fields.items()})
            given = {knob: knobs[f"{rule.__name__}.{knob}"] for knob in rules.hyperparameters(rule)}
            if rules.wants_parameter(rule):
                given["parameter"] = numbers["parameter"]
            step, new = rule(g, own, t, learning_rate=numbers["learning_rate"], **given)
            changed = {name: getattr(new, field) for field, name in fields.items()}
            return step.astype(g.dtype), {
                name: jnp.asarray(changed.get(name, old), old.dtype) for name, old in state._asdict().items()
            }

        return move

    branches = [branch(rule) for rule in joined]

    def move_as(which: Scalar, *given: Any) -> tuple:
        step, new = jax.lax.switch(which, branches, *given)
        return step, State(**new)

    @rules.rule(State)
    def any_of(g: Array, state: Any, t: Scalar, *, learning_rate: Scalar, which: Scalar, **knobs: Scalar) -> tuple:
        return move_as(which, g, state, t, {"learning_rate": learning_rate}, knobs)

    @rules.rule(State)
    def any_at(
        g: Array, state: Any, t: Scalar, *, parameter: Array, learning_rate: Scalar, which: Scalar, **knobs: Scalar
    ) -> tuple:
        return move_as(which, g, state, t, {"learning_rate": learning_rate, "parameter": parameter}, knobs)

    knobs = {f"{rule.__name__}.{knob}": v for rule in joined for knob, v in rules.hyperparameters(rule).items()}
    return (any_at if any(map(rules.wants_parameter, joined)) else any_of), knobs


def _slots(rule: rules.Rule) -> dict[str, tuple[bool, float, int]]:
    """Each field of a rule's state as (is it a scalar, its first value, its number among such fields of the rule)."""
    slots: dict[str, tuple[bool, float, int]] = {}
    for field, first in rules.fields(rule).items():
        kind = rule.state.__annotations__[field] is Scalar, float(first)
        slots[field] = (*kind, sum(slot[:2] == kind for slot in slots.values()))
    return slots
