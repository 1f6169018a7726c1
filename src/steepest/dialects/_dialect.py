"""A dialect: what a framework's optimizer of some name computes, as data over the rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import rules
from ..errors import InputError
from ._method import Method


def _nothing() -> Mapping[str, Any]:
    return field(default_factory=dict)


# What an argument may mean besides a knob of the rule or a pair of knobs.
LEARNING_RATE, WEIGHT_DECAY, MAXIMIZE, DAMPENING = "learning_rate", "weight_decay", "maximize", "dampening"
RATE_DECAY = "rate_decay"  # learning_rate / (1 + (t - 1) rate_decay)
_SWITCHED = (WEIGHT_DECAY, MAXIMIZE, DAMPENING, RATE_DECAY)  # computed only where they are not zero
CASE = "case"  # picks one of the dialect's cases
MECHANICS = "mechanics"  # how the framework computes, not what
FALLBACK = "fallback"  # for what the rule does not move
REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "required"})()


@dataclass(frozen=True)
class Argument:
    """An argument as its framework names it.

    means: a knob of the rule, a tuple of knobs, ``first FIELD`` (a state's value before the first step), or one of the
    constants above.
    """

    name: str
    default: Any
    means: str | tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """The rule behind some values of a dialect's arguments.

    when: argument values that make the case, all of them; True stands for any value that is not zero, None or False.
    choices: the rule's choices.  fixed: knobs that no argument reaches.  first: state before the first step.
    state: field of the rule's state -> its name in the framework, with ``-`` where the framework keeps the negative.
    weight_decay: "coupled" (to the gradient), "decoupled" or "none".
    """

    rule: rules.Rule
    state: Mapping[str, str]
    when: Mapping[str, Any] = _nothing()
    choices: Mapping[str, str] = _nothing()
    fixed: Mapping[str, float] = _nothing()
    first: Mapping[str, float] = _nothing()
    weight_decay: str = "none"

    def holds(self, options: Mapping[str, Any]) -> bool:
        """Whether these options make this case."""
        return not self.misses(options)

    def misses(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What this case wants where the options are not so."""
        return {
            name: value
            for name, value in self.when.items()
            if not (_on(options[name]) if value is True else options[name] == value)
        }


@dataclass(frozen=True)
class Dialect:
    """One optimizer of one framework.

    name: the class or function there.  family: what it shares with its like in other frameworks.
    cases: the first that holds counts.  notes: what a reader should know, a sentence each.
    step_count: "each parameter" has its own, or "all" share one.
    fallback: what the framework does, given the same options, with what the rule cannot move, being no matrix.
    lacking: cases of who speaks this dialect that it has no equal for.
    """

    framework: str
    name: str
    family: str
    arguments: Sequence[Argument]
    cases: Sequence[Case]
    step_count: str = "all"
    notes: Sequence[str] = field(default=())
    fallback: "Dialect | None" = None
    lacking: Sequence[Case] = field(default=())

    @property
    def defaults(self) -> dict[str, Any]:
        """Every argument's default; ``REQUIRED`` where it has none."""
        return {argument.name: argument.default for argument in self.arguments}

    def case(self, options: Mapping[str, Any]) -> Case:
        """The case that these options make; InputError where the dialect has none.

        options: a value for every argument.
        """
        found = next((case for case in self.cases if case.holds(options)), None)
        for case in self.lacking:
            if case.holds(options) and (found is None or found.when.items() < case.when.items()):
                wrong = [name for name in case.when if options[name] != self.defaults[name]]
                raise self._has_no_equal(wrong, options, "dialect='textbook'")
        if found is None:
            raise self._no_case(options)
        return found

    def _no_case(self, options: Mapping[str, Any]) -> InputError:
        """The error for options that make no case: which of them stand in the way, and what would do instead."""
        near = [case.misses(options) for case in (*self.cases, *self.lacking)]
        near = [one for one in near if len(one) == min(map(len, near))]
        ways = [" and ".join(f"{name}={self._usual(name, value)!r}" for name, value in one.items()) for one in near]
        return self._has_no_equal([name for one in near for name in one], options, ", or ".join(dict.fromkeys(ways)))

    def _has_no_equal(self, wrong: Sequence[str], options: Mapping[str, Any], advice: str) -> InputError:
        received = ", ".join(f"{name}={options[name]!r}" for name in dict.fromkeys(wrong))
        return InputError(f"{self.name} with {received} has no equal in the dialect '{self.framework}'. Try {advice}.")

    def _usual(self, name: str, wanted: Any) -> Any:
        """A value for an argument that a case wants; its default where the case wants any."""
        default = self.defaults[name]
        return default if wanted is True and _on(default) else wanted

    def numbers(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options as a method's numbers: knobs, learning rate, and what else is switched on.

        Raises InputError for a weight decay where these options have none.
        """
        case = self.case(options)
        knobs = rules.hyperparameters(case.rule)
        told: dict[str, Any] = {}
        for argument in self.arguments:
            value = options[argument.name]
            if isinstance(argument.means, tuple):
                told.update(zip(argument.means, value, strict=True))
            elif (
                argument.means == LEARNING_RATE
                or (argument.means in knobs and value is not None)
                or (argument.means in _SWITCHED and _on(value))
            ):
                told[argument.means] = value
        if WEIGHT_DECAY in told and WEIGHT_DECAY not in knobs and case.weight_decay == "none":
            raise InputError(
                f"{rules.proper_name(case.rule.__name__)} has no weight decay in the dialect '{self.framework}'; "
                f"received weight_decay={told[WEIGHT_DECAY]}. "
                f"Try {'AdamW' if case.rule is rules.adam else 'weight_decay=0'}, or dialect='torch'."
            )
        return told

    def first(self, options: Mapping[str, Any]) -> dict[str, float]:
        """A state's values before the first step, as the options have them."""
        asked = [(str(argument.means), options[argument.name]) for argument in self.arguments]
        given = {means.removeprefix("first "): value for means, value in asked if means.startswith("first ")}
        return dict(self.case(options).first) | given

    def speaking(self, others: "Sequence[Dialect]") -> "Dialect":
        """This dialect's arguments and names for the state, with the mathematics and defaults of others.

        others: one framework's; the first lends its defaults. A case for which none has an equal is left out.
        """
        first = others[0]
        lent = {one.means: _lent(one) for one in first.arguments if first._lends(one, self)}
        arguments = [Argument(a.name, lent.get(a.means, a.default), a.means) for a in self.arguments]
        begins = {str(m).removeprefix("first "): value for m, value in lent.items() if str(m).startswith("first ")}
        cases = [(case, _spoken(case, others, begins, _USUAL_DECAY[self.framework])) for case in self.cases]
        fallback = self.fallback
        if fallback and first.fallback:
            fallback = fallback.speaking([first.fallback])
        return Dialect(
            first.framework, self.name, self.family, tuple(arguments), [case for _, case in cases if case],
            self.step_count, first.notes, fallback, [case for case, found in cases if not found],
        )  # fmt: skip

    def _lends(self, argument: Argument, to: "Dialect") -> bool:
        """Whether another dialect takes an argument's default: not where it is off, and the other cannot do without."""
        if argument.means in (CASE, MECHANICS, FALLBACK) or argument.default is REQUIRED:
            return False
        chooses = any(argument.name in case.when for case in self.cases)
        theirs = {a.name for a in to.arguments if a.means == argument.means}
        return _on(argument.default) or not chooses or any(theirs & set(case.when) for case in to.cases)

    def method(self, options: Mapping[str, Any]) -> Method:
        """What these options compute."""
        case = self.case(options)
        return Method(
            case.rule,
            tuple(case.choices.items()),
            tuple(case.fixed.items()),
            tuple(sorted(self.first(options).items())),
            tuple(case.state.items()),
            case.weight_decay,
        )


def _on(value: Any) -> bool:
    # An array under jit has no truth; it is a number that someone may change, and so is on.
    return value is not None and not (isinstance(value, bool | int | float) and value == 0)


# The kind of weight decay that each framework has unless told otherwise.
_USUAL_DECAY = {"textbook": "none", "torch": "coupled", "keras": "decoupled", "optax": "none"}
# What an option asks for, which every dialect writes alike; the other choices are what a dialect is.
_ASKED = ("around", "ahead")


def _asked(case: Case) -> dict[str, str]:
    words = rules.choices(case.rule)
    named = [choice for choice in words if choice in _ASKED or choice in case.when]
    return {choice: case.choices.get(choice, words[choice][0]) for choice in named}


def _lent(argument: Argument) -> Any:
    # No learning rate means 1 in optax's Adadelta, the one optimizer that may have none.
    return 1.0 if argument.means == LEARNING_RATE and argument.default is None else argument.default


def _spoken(
    case: Case, others: Sequence[Dialect], begins: Mapping[str, float], usual_decay: str = "none"
) -> Case | None:
    """The case as another framework computes it, or None where that has no such thing.

    Of several equals the one that least leaves its framework's defaults, and of a kind of weight decay that was asked
    for, not being the usual one.  begins: state before the first step.
    """
    asks = case.weight_decay != usual_decay
    equals = [
        (asks and one.weight_decay != case.weight_decay, len(one.misses(other.defaults)), place, one)
        for place, other in enumerate(others)
        for one in other.cases
        if one.rule == case.rule and _asked(one) == _asked(case)
    ]
    if not equals:
        return None
    equal = min(equals, key=lambda found: found[:3])[-1]
    return Case(
        case.rule, case.state, case.when, equal.choices, equal.fixed, {**begins, **equal.first}, equal.weight_decay
    )


def textbook(dialect: Dialect) -> Dialect:
    """This dialect's arguments and names for the state, with the rules and their defaults as they are written."""
    knobs = {knob: value for case in dialect.cases for knob, value in rules.hyperparameters(case.rule).items()}
    usual = knobs | {LEARNING_RATE: dialect.cases[-1].rule.usual_learning_rate}
    arguments = [
        Argument(
            a.name,
            tuple(usual[one] for one in a.means) if isinstance(a.means, tuple) else usual.get(a.means, a.default),
            a.means,
        )
        for a in dialect.arguments
    ]
    cases = [Case(c.rule, c.state, c.when, _asked(c), weight_decay=c.weight_decay) for c in dialect.cases]
    fallback = textbook(dialect.fallback) if dialect.fallback else None
    return Dialect(
        "textbook", dialect.name, dialect.family, tuple(arguments), cases, dialect.step_count, fallback=fallback
    )
