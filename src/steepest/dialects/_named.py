"""How to ask a framework for a rule, and how to find a rule by any framework's name for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .. import rules
from ..errors import unknown
from ._dialect import Case, Dialect
from ._find import FRAMEWORKS
from ._own import of

# A framework takes the gradient at the parameter: a rule that wants it ahead is there as its equal that does not.
EQUALS: Mapping[rules.Rule, rules.Rule] = MappingProxyType({rules.nesterov_lookahead: rules.nesterov})


@dataclass(frozen=True)
class Named:
    """A framework's optimizer with the options that make it compute a rule; as text, the call that asks for it."""

    dialect: Dialect
    case: Case
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.dialect.framework == "textbook":
            return self.case.rule.__name__
        asked = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{self.dialect.name}({asked})" if asked else self.dialect.name

    @classmethod
    def to(cls, dialect: Dialect, case: Case) -> "Named | None":
        """The fewest options that make a case of a dialect; None where an earlier case takes its place."""
        options = {}
        for name, value in case.when.items():
            if not Case(case.rule, {}, {name: value}).holds(dialect.defaults):
                means = next(argument.means for argument in dialect.arguments if argument.name == name)
                options[name] = rules.hyperparameters(case.rule).get(str(means), value)
        return cls(dialect, case, options) if dialect.case({**dialect.defaults, **options}) is case else None


def textbook_of(rule: rules.Rule) -> Dialect:
    """The textbook's dialect with this rule: that of its family, or of the rule alone where nobody knows it."""
    known = (dialect for dialect in FRAMEWORKS["textbook"] if rule in [case.rule for case in dialect.cases])
    return next(known, None) or of(rule)


def named(framework: str, rule: rules.Rule) -> Named | None:
    """How a framework is asked for a rule; None where it has no such thing.

    An optimizer of the rule's family comes before any other that can be made to compute the rule.

    >>> str(named("torch", rules.amsgrad)), str(named("optax", rules.amsgrad)), named("torch", rules.lion)
    ('Adam(amsgrad=True)', 'amsgrad', None)
    """
    written = textbook_of(rule)
    if framework == "textbook":
        return Named(written, next(case for case in written.cases if case.rule == rule))
    rule = EQUALS.get(rule, rule)
    dialects = sorted(FRAMEWORKS[framework], key=lambda dialect: dialect.family != written.family)
    for dialect in dialects:
        ways = [way for case in dialect.cases if case.rule == rule and (way := Named.to(dialect, case))]
        if ways:
            return min(ways, key=lambda way: len(way.options))
    own = dialects[0]
    return Named(own, own.case(own.defaults)) if own.family == written.family else None


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _by_letters() -> dict[str, rules.Rule]:
    natives = [dialect for its in FRAMEWORKS.values() for dialect in its]
    theirs = {_letters(dialect.name): dialect.case(dialect.defaults).rule for dialect in natives}
    return theirs | {_letters(name): rule for name, rule in rules.ALL.items()}


_BY_LETTERS = MappingProxyType(_by_letters())


def rule_called(name: str) -> rules.Rule:
    """The rule by its own name or a framework's, in any case, with or without the module before it.

    Raises InputError, naming the nearest, where there is none.

    >>> rule_called("RMSprop").__name__, rule_called("torch.optim.NAdam").__name__, rule_called("Momentum").__name__
    ('rmsprop', 'nadam', 'momentum')
    """
    letters = _letters(name.rpartition(".")[2])
    if letters not in _BY_LETTERS:
        raise unknown("optimizer", name, rules.ALL)
    return _BY_LETTERS[letters]
