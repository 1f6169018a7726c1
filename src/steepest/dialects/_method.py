"""A rule with everything that a framework puts around it, as one function on arrays: what a drop-in computes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .. import rules
from ..arrays import Array, Scalar, full_like


@dataclass(frozen=True)
class Method:
    """A rule in a dialect.

    choices, fixed: the rule's choices, and knobs that nobody may change.  first: state before the first step.
    state: (field, name in the framework) of the rule's state; ``-`` before the name where its negative is kept.
    weight_decay: "coupled": added to the gradient; "decoupled": the parameter shrinks by learning_rate weight_decay;
    "none": there is none, or the rule has it as a knob.
    Hashable, so that what is compiled for one can be found again.
    """

    rule: rules.Rule
    choices: tuple[tuple[str, str], ...] = ()
    fixed: tuple[tuple[str, float], ...] = ()
    first: tuple[tuple[str, float], ...] = ()
    state: tuple[tuple[str, str], ...] = ()
    weight_decay: str = "none"

    @cached_property
    def fields(self) -> dict[str, str]:
        """Fields of the rule's state in use -> names in the framework, without signs, in the rule's order."""
        named = dict(self.state)
        return {field: named[field].removeprefix("-") for field in rules.fields(self.rule, **dict(self.choices))}

    @cached_property
    def scalars(self) -> frozenset[str]:
        """Names of the state's parts that are one number for a whole array."""
        kinds = self.rule.state.__annotations__
        return frozenset(name for field, name in self.fields.items() if kinds[field] is Scalar)

    @cached_property
    def shared(self) -> frozenset[str]:
        """Those of the scalars that depend on the step count alone, so that arrays at one step count can share them."""
        return self.scalars if self.rule.elementwise else frozenset()

    @cached_property
    def _negative(self) -> frozenset[str]:
        return frozenset(field for field, name in self.state if name.startswith("-"))

    def signed(self, field: str, value: Array) -> Array:
        """A field between the rule and its framework, whichever way: the negative where the framework keeps that."""
        return -value if field in self._negative else value

    def initial_state(self, parameter: Array) -> dict[str, Array]:
        """The state before the first step by its names in the framework, in the parameter's library and dtype."""
        firsts = rules.fields(self.rule, **dict(self.choices)) | dict(self.first)
        return {
            name: full_like(parameter, self.signed(field, firsts[field]), scalar=name in self.scalars)
            for field, name in self.fields.items()
        }

    def __call__(
        self, parameter: Array, g: Array, state: Mapping[str, Array], t: Scalar, numbers: Mapping[str, Any]
    ) -> tuple[Array, dict[str, Array]]:
        """The step to add to the parameter, and the new state.

        parameter, g: any shape.  state: by its names in the framework.  t: step count, 1 on the first call.
        numbers: the rule's knobs and ``learning_rate``; where they are there, also ``weight_decay``, ``maximize``
        (climb), ``dampening`` (share of each gradient but the first that is left out) and ``rate_decay``.
        """
        knobs = dict(numbers)
        learning_rate = knobs.pop("learning_rate")
        if "rate_decay" in knobs:
            learning_rate = learning_rate / (1 + (t - 1) * knobs.pop("rate_decay"))
        if knobs.pop("maximize", False):
            g = -g
        decay = knobs.pop("weight_decay", None) if self.weight_decay != "none" else None
        if decay is not None and self.weight_decay == "coupled":
            g = g + decay * parameter
        if "dampening" in knobs:
            g = (1 - knobs.pop("dampening") * (t > 1)) * g
        step, new = self.rule(
            g,
            self._ours(state),
            t,
            learning_rate=learning_rate,
            **{**knobs, **dict(self.choices), **dict(self.fixed)},
            **({"parameter": parameter} if rules.wants_parameter(self.rule) else {}),
        )
        if decay is not None and self.weight_decay == "decoupled":
            step = step - learning_rate * (decay * parameter)  # a learning rate in float32 is not rounded twice
        return step, {name: self.signed(field, getattr(new, field)) for field, name in self.fields.items()}

    def _ours(self, state: Mapping[str, Array]) -> Any:
        kept = {field: self.signed(field, state[name]) for field, name in self.fields.items()}
        return self.rule.state(**dict.fromkeys(set(self.rule.state._fields) - set(kept)), **kept)
