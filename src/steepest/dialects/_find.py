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


# The same rule as frameworks compute it, where that is another rule with weight decay around it.
_ALSO = {rules.adamw: Case(rules.adam, {field: field for field in rules.adam.state._fields}, weight_decay="decoupled")}


def of(rule: rules.Rule) -> Dialect:
    """The dialect ``textbook`` of one rule, known here or not: the rule as it is written, under its own names.

    Raises InputError for what is no rule, and for a rule that wants its gradient elsewhere than at the parameter.

    >>> from steepest.rules import lion
    >>> of(lion).defaults
    {'learning_rate': 0.0001, 'b1': 0.9, 'b2': 0.99, 'weight_decay': 0.0}
    """
    if not hasattr(rule, "state"):
        raise InputError(f"{rule!r} is not a rule. Mark the function with @steepest.rules.rule(State).")
    if rule.look_ahead is not None:
        raise InputError(
            f"{rule.__name__} wants its gradient elsewhere than at the parameter, where every framework takes it. "
            "Use steepest.optimizer."
        )
    return _written(_FAMILIES.get(rule.__name__, rule.__name__), [rule], rule.__name__)


def _written(family: str, members: Sequence[rules.Rule], name: str) -> Dialect:
    """The rules of a family as they are written, under their own names."""
    first = members[0]
    knobs = {knob: value for rule in members for knob, value in rules.hyperparameters(rule).items()}
    arguments = [Argument("learning_rate", first.usual_learning_rate, LEARNING_RATE)]
    arguments += [Argument(knob, default, knob) for knob, default in knobs.items()]
    cases = [Case(rule, {field: field for field in rule.state._fields}) for rule in members]
    cases += [_ALSO[rule] for rule in members if rule in _ALSO]
    fallback = of(first.fallback) if first.fallback else None
    return Dialect("textbook", name, family, tuple(arguments), tuple(cases), fallback=fallback)


def _textbook() -> tuple[Dialect, ...]:
    families: dict[str, list[rules.Rule]] = {}
    for name, rule in rules.ALL.items():
        families.setdefault(_FAMILIES.get(name, name), []).append(rule)
    return tuple(_written(family, members, family) for family, members in families.items())


FRAMEWORKS: Mapping[str, Sequence[Dialect]] = MappingProxyType(
    {
        "textbook": _textbook(),
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
    # A rule as it is written is found under whatever name a framework has it.
    written = {case.rule for case in dialect.cases} if dialect.framework == "textbook" else set()

    def strangeness(other: Dialect) -> int:
        return 0 if other.family == dialect.family else 1 if any(one.rule in written for one in other.cases) else 2

    others = sorted(FRAMEWORKS[framework], key=strangeness)
    if strangeness(others[0]) == 2:
        raise InputError(f"{framework} has nothing like {dialect.framework}'s {dialect.name}. Try dialect='textbook'.")
    return dialect.speaking(others)
