"""Every dialect of every framework, and how to find one."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from .. import rules
from ..errors import InputError, unknown
from ._dialect import LEARNING_RATE, Argument, Case, Dialect, textbook
from ._keras import KERAS
from ._optax import OPTAX
from ._torch import TORCH

# What a rule's family is, where it is not the rule's own name.
_FAMILIES = {"momentum": "sgd", "nesterov": "sgd", "nesterov_lookahead": "sgd", "rmsprop_momentum": "rmsprop"}


def _textbook(family: str) -> Dialect:
    """The rules of a family as they are written, under their own names."""
    members = [rule for rule in rules.ALL.values() if _FAMILIES.get(rule.__name__, rule.__name__) == family]
    first = members[0]
    knobs = {knob: value for rule in members for knob, value in rules.hyperparameters(rule).items()}
    arguments = [Argument("learning_rate", first.usual_learning_rate, LEARNING_RATE)]
    arguments += [Argument(knob, default, knob) for knob, default in knobs.items()]
    cases = [Case(rule, {field: field for field in rule.state._fields}) for rule in members]
    return Dialect("textbook", family, family, tuple(arguments), tuple(cases))


FRAMEWORKS: Mapping[str, Sequence[Dialect]] = MappingProxyType(
    {
        "textbook": tuple(
            _textbook(family) for family in dict.fromkeys(_FAMILIES.get(name, name) for name in rules.ALL)
        ),
        "torch": TORCH,
        "keras": KERAS,
        "optax": OPTAX,
    }
)


def find(framework: str, name: str) -> Dialect:
    """A framework's optimizer by its name there.

    Raises InputError, naming the nearest, where there is none.

    >>> find("keras", "Adam").defaults["epsilon"]
    1e-07
    """
    if framework not in FRAMEWORKS:
        raise unknown("dialect", framework, FRAMEWORKS)
    named = {dialect.name: dialect for dialect in FRAMEWORKS[framework]}
    if name not in named:
        raise unknown(f"optimizer of {framework}", name, named)
    return named[name]


def like(dialect: Dialect, framework: str) -> Dialect:
    """The dialect with the arguments of one framework and the mathematics of another.

    Raises InputError where the other has nothing like it.

    >>> like(find("torch", "Adam"), "keras").defaults["eps"]
    1e-07
    """
    if framework not in FRAMEWORKS:
        raise unknown("dialect", framework, FRAMEWORKS)
    if framework == dialect.framework:
        return dialect
    if framework == "textbook":
        return textbook(dialect)
    others = sorted(FRAMEWORKS[framework], key=lambda other: other.family != dialect.family)
    if others[0].family != dialect.family:
        raise InputError(f"{framework} has nothing like {dialect.framework}'s {dialect.name}. Try dialect='textbook'.")
    return dialect.speaking(others)
