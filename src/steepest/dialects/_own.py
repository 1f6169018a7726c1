"""Any rule, known here or not, as an optimizer of each framework, under its own names."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from .. import rules
from ..errors import InputError, unknown
from ._dialect import CASE, FALLBACK, LEARNING_RATE, MAXIMIZE, MECHANICS, WEIGHT_DECAY, Argument, Case, Dialect
from ._keras import BASE, EXCLUDED

# What a rule's family is, where it is not the rule's own name.
_FAMILIES = {"momentum": "sgd", "nesterov": "sgd", "nesterov_lookahead": "sgd", "rmsprop_momentum": "rmsprop"}
# The same rule as frameworks compute it, where that is another rule with weight decay around it.
_ALSO = {rules.adamw: Case(rules.adam, {field: field for field in rules.adam.state._fields}, weight_decay="decoupled")}


def of(rule: rules.Rule, framework: str = "textbook") -> Dialect:
    """A rule, known here or not, as it is written, under its own names, as an optimizer of a framework.

    What every optimizer of the framework takes besides knobs is added: torch's ``lr`` and ``maximize``, what Keras's
    base class keeps. The words of a rule that is not known here may be chosen, too; where it is, a dialect has chosen
    them. Raises InputError for what is no rule, for a rule that wants its gradient elsewhere than at the
    parameter, and for a state whose names frameworks use themselves.

    >>> from steepest.rules import lion
    >>> of(lion).defaults
    {'learning_rate': 0.0001, 'b1': 0.9, 'b2': 0.99, 'weight_decay': 0.0}
    >>> of(lion, "torch").defaults
    {'lr': 0.0001, 'b1': 0.9, 'b2': 0.99, 'weight_decay': 0.0, 'maximize': False}
    """
    if framework not in _ADDED:
        raise unknown("framework", framework, _ADDED)
    _check(rule)
    own = written(family_of(rule), [rule], rule.__name__)
    return _ADDED[framework](own if rules.ALL.get(rule.__name__) is rule else _with_choices(own, rule))


def _with_choices(own: Dialect, rule: rules.Rule) -> Dialect:
    """The dialect with an argument for each of the rule's words, and a case for each way to choose them."""
    words = rules.choices(rule)
    ways = [dict(zip(words, chosen, strict=True)) for chosen in itertools.product(*words.values())]
    cases = [replace(own.cases[0], when=way, choices=way) for way in ways]
    arguments = (*own.arguments, *(Argument(name, usual, CASE) for name, (usual, *_) in words.items()))
    return replace(own, arguments=arguments, cases=tuple(cases))


def family_of(rule: rules.Rule) -> str:
    """What a rule shares with its like in other frameworks: one that is not known here has none."""
    if rules.ALL.get(rule.__name__) is not rule:
        return f"{rule.__module__}.{rule.__name__}"
    return _FAMILIES.get(rule.__name__, rule.__name__)


def written(family: str, members: Sequence[rules.Rule], name: str) -> Dialect:
    """The rules of a family as they are written, under their own names."""
    first = members[0]
    knobs = {knob: value for rule in members for knob, value in rules.hyperparameters(rule).items()}
    arguments = [Argument("learning_rate", first.usual_learning_rate, LEARNING_RATE)]
    arguments += [Argument(knob, default, knob) for knob, default in knobs.items()]
    cases = [Case(rule, {field: field for field in rule.state._fields}) for rule in members]
    cases += [_ALSO[rule] for rule in members if rule in _ALSO]
    fallback = written(family_of(first.fallback), [first.fallback], first.fallback.__name__) if first.fallback else None
    if fallback:
        theirs = [Argument(a.name, a.default, FALLBACK) for a in fallback.arguments if a.name not in knobs]
        arguments += theirs[1:]  # the learning rate is shared
    return Dialect("textbook", name, family, tuple(arguments), tuple(cases), fallback=fallback)


def _check(rule: rules.Rule) -> None:
    if not hasattr(rule, "state"):
        raise InputError(f"{rule!r} is not a rule. Mark the function with @steepest.rules.rule(State).")
    if rule.look_ahead is not None:
        raise InputError(
            f"{rule.__name__} wants its gradient elsewhere than at the parameter, where every framework takes it. "
            "Use steepest.optimizer."
        )
    for name in {"step", "count"} & set(rule.state._fields):
        raise InputError(
            f"The state of {rule.__name__} has a field '{name}', where frameworks keep the step count. Rename it; the "
            "rule is given the count as t."
        )


def _in_torch(own: Dialect) -> Dialect:
    """Its learning rate is ``lr``, as schedulers know it; a rule with a fall-back is for matrices, as torch's Muon."""
    kept = [argument for argument in own.arguments[1:] if argument.means != FALLBACK]
    arguments = replace(own.arguments[0], name="lr"), *kept, Argument("maximize", False, MAXIMIZE)
    return replace(own, framework="torch", name=rules.class_name(own.name), arguments=arguments, fallback=None)


def _in_keras(own: Dialect) -> Dialect:
    """Weight decay is decoupled, as everywhere there, and by the rule where that is given it as a knob."""
    added = [] if "weight_decay" in own.defaults else [Argument("weight_decay", None, WEIGHT_DECAY)]
    added += [Argument(name, default, MECHANICS) for name, default in BASE]
    if own.fallback:
        added += [Argument(name, default, MECHANICS) for name, default in EXCLUDED]
    decay = "none" if "weight_decay" in own.defaults else "decoupled"
    cases = [replace(case, weight_decay=decay) for case in own.cases if case.rule is own.cases[0].rule]
    name, arguments = rules.class_name(own.name), (*own.arguments, *added)
    return replace(own, framework="keras", name=name, arguments=arguments, cases=cases)


def _in_optax(own: Dialect) -> Dialect:
    return replace(own, framework="optax")


_ADDED: Mapping[str, Callable[[Dialect], Dialect]] = MappingProxyType(
    {"textbook": lambda own: own, "torch": _in_torch, "keras": _in_keras, "optax": _in_optax}
)
