"""The dialects of one optimizer side by side, as data: what the command line and the documentation show."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import rules
from ._dialect import CASE, MECHANICS, REQUIRED, Argument, Case, Dialect
from ._find import FRAMEWORKS
from ._named import Named, named, textbook_of

# What a row means -> its label; rows stand in this order.
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "learning_rate": "learning rate", "momentum": "momentum", "rate_at": "rate stands",
        "dampening": "dampening", "decay": "decay", "b1": "b1", "b2": "b2", "momentum_decay": "warm-up of b1",
        "epsilon": "epsilon", "epsilon_at": "epsilon stands", "epsilon_root": "epsilon in the root",
        "ahead": "Nesterov", "around": "centered", "bias_correction": "bias correction", "amsgrad": "AMSGrad",
        "correction": "AMSGrad's bias", "threshold": "rectifies from", "rms": "size of a step",
        "gather": "gathers", "scale": "scales by", "iteration": "iteration", "weight_decay": "weight decay",
        "weight_decay_kind": "kind of decay", "rate_decay": "falling rate", "maximize": "climbs",
        "step_count": "step counter", "fallback": "what is no matrix",
    }
)  # fmt: skip

# The rows of arguments that pick a case.
SWITCHES: Mapping[str, str] = MappingProxyType(
    {
        "nesterov": "ahead", "centered": "around", "eps_in_sqrt": "epsilon_at", "amsgrad": "amsgrad",
        "bias_correction": "bias_correction", "bias_correction_mu": "correction", "bias_correction_nu": "correction",
        "decoupled_weight_decay": "weight_decay_kind", "adjust_lr_fn": "scale", "ns_coefficients": "iteration",
        "ns_coeffs": "iteration", "muon_a": "iteration", "muon_b": "iteration", "muon_c": "iteration",
        "ns_steps": "iteration", "adaptive": "iteration", "preconditioning": "iteration",
        "muon_weight_dimension_numbers": "iteration",
    }
)  # fmt: skip

_TOLD_BY_ARGUMENTS = ("ahead", "around", "amsgrad")  # here an argument says all that the word would


class Cell(NamedTuple):
    """What one framework has in a row.

    arguments: names -> defaults.  word: what it computes there, where the arguments do not say it.
    value: what to hold against other frameworks, off being 0; None where there is nothing to compare.
    """

    arguments: Mapping[str, Any]
    word: str = ""
    value: Any = None


class Row(NamedTuple):
    """key: as in ``LABELS``, or a field of the state.  cells: by framework; None where it has no such thing."""

    key: str
    label: str
    cells: Mapping[str, Cell | None]

    def differs(self, framework: str) -> bool:
        """Whether this framework's default or choice is another than the textbook's."""
        ours, theirs = self.cells["textbook"], self.cells[framework]
        values = {cell.value for cell in (ours, theirs) if cell is not None and cell.value is not None}
        return len(values) > 1


class Comparison(NamedTuple):
    """One optimizer in every dialect.

    rule: the one in question.  calls: by framework, how to ask for it there; None where it is not there.
    also: other ways to the same rule.
    rows: knobs and choices.  states: names of the state with where it starts.  besides: arguments for how a framework
    computes and not what.  notes: what a reader should know.
    """

    rule: rules.Rule
    name: str
    calls: Mapping[str, Named | None]
    also: Mapping[str, Sequence[Named]]
    rows: Sequence[Row]
    states: Sequence[Row]
    besides: Mapping[str, Sequence[str]]
    notes: Mapping[str, Sequence[str]]


def overview() -> dict[str, dict[str, str]]:
    """What each framework calls each optimizer; no entry where it has none.

    >>> overview()["RMSProp"]["torch"], overview()["AMSGrad"]["keras"]
    ('RMSprop', 'Adam(amsgrad=True)')
    """
    return {rules.proper_name(one.cases[0].rule.__name__): _called(one) for one in FRAMEWORKS["textbook"]}


def _called(textbook: Dialect) -> dict[str, str]:
    calls = {framework: named(framework, textbook.cases[0].rule) for framework in FRAMEWORKS}
    members = [case.rule.__name__ for case in textbook.cases if textbook_of(case.rule) is textbook]
    return {framework: str(one) for framework, one in calls.items() if one} | {"textbook": ", ".join(members)}


def compare(rule: rules.Rule) -> Comparison:
    """The family of a rule in every dialect.

    >>> from steepest.rules import rmsprop
    >>> decay = next(row for row in compare(rmsprop).rows if row.key == "decay")
    >>> decay.cells["torch"].arguments, decay.differs("torch"), decay.cells["optax"].arguments, decay.differs("optax")
    ({'alpha': 0.99}, True, {'decay': 0.9}, False)
    """
    calls = {framework: named(framework, rule) for framework in FRAMEWORKS}
    there = {framework: one for framework, one in calls.items() if one}
    return Comparison(
        rule,
        rules.proper_name(textbook_of(rule).cases[0].rule.__name__),
        calls,
        {framework: tuple(_also(framework, one)) for framework, one in there.items()},
        [row for key in _keys(there) if (row := _row(key, there)) is not None],
        [_state_row(field, there) for field in _fields(there)],
        {f: [a.name for a in one.dialect.arguments if a.means == MECHANICS] for f, one in there.items()},
        {framework: one.dialect.notes for framework, one in there.items() if one.dialect.notes},
    )


def _also(framework: str, one: Named) -> Iterator[Named]:
    """Other dialects with a case of the same rule, and with its weight decay or at least one."""
    for other in FRAMEWORKS[framework]:
        cases = [case for case in other.cases if case.rule == one.case.rule and other.name != one.dialect.name]
        cases = [case for case in cases if case.weight_decay in (one.case.weight_decay, "coupled", "decoupled")]
        cases.sort(key=lambda case: case.weight_decay != one.case.weight_decay)
        ways = [way for case in cases if (way := Named.to(other, case))]
        yield from ways[:1]


def _key(argument: Argument) -> str | None:
    """The row of an argument that means one thing; None for how it computes, and for where the state starts."""
    if argument.means == CASE:
        return SWITCHES.get(argument.name, argument.name)  # a choice of one's own rule is called as it is
    means = str(argument.means)
    return None if means == MECHANICS or means.startswith("first ") else means


def _keys(there: Mapping[str, Named]) -> list[str]:
    keys = {"weight_decay_kind", "step_count"}
    for one in there.values():
        for argument in one.dialect.arguments:
            keys.update(argument.means if isinstance(argument.means, tuple) else filter(None, [_key(argument)]))
        for case in _kin(one):
            keys.update(rules.choices(case.rule))
    if "amsgrad" in keys:
        keys.add("correction")
    if all(one.case.rule == rules.amsgrad for one in there.values()):
        keys.discard("amsgrad")  # how to ask for it stands above
    return [key for key in (*LABELS, *sorted(keys - LABELS.keys())) if key in keys]


def _kin(one: Named) -> list[Case]:
    """The cases of the family's own rules, the one in question first."""
    rule = one.case.rule
    own = {case.rule for case in textbook_of(rule).cases}
    return sorted((case for case in one.dialect.cases if case.rule in own), key=lambda case: case is not one.case)


def _row(key: str, there: Mapping[str, Named]) -> Row | None:
    cells = {framework: _cell(key, there[framework]) if framework in there else None for framework in FRAMEWORKS}
    return Row(key, LABELS.get(key, key), cells) if any(cells.values()) else None


def _cell(key: str, one: Named) -> Cell | None:
    arguments = dict(_arguments(key, one.dialect))
    if key in one.case.fixed:
        return Cell({}, f"{one.case.fixed[key]:g}, fixed", one.case.fixed[key])
    word = "" if arguments and key in _TOLD_BY_ARGUMENTS else _word(key, one)
    if not (arguments or word):
        return None
    return Cell(arguments, word, word or _compared(key, list(arguments.values()), one))


def _compared(key: str, defaults: list[Any], one: Named) -> Any:
    """A knob's default; nothing for what has none, and for what the textbook has in another rule of the family."""
    own = ("learning_rate", *rules.hyperparameters(one.case.rule))
    elsewhere = one.dialect.framework == "textbook" and key not in own
    if len(defaults) != 1 or defaults[0] is REQUIRED or key in _TOLD_BY_ARGUMENTS or elsewhere:
        return None
    return defaults[0] or 0.0


def _arguments(key: str, dialect: Dialect) -> Iterator[tuple[str, Any]]:
    for argument in dialect.arguments:
        if isinstance(argument.means, tuple) and key in argument.means:
            place = argument.means.index(key)
            yield f"{argument.name}[{place}]", argument.default[place]
        elif _key(argument) == key:
            yield argument.name, argument.default


def _word(key: str, one: Named) -> str:
    """What is computed, beside what the arguments say."""
    if key == "step_count":
        return one.dialect.step_count
    if key == "weight_decay_kind":
        knob = "weight_decay" in rules.hyperparameters(one.case.rule)
        return "decoupled" if knob else one.case.weight_decay
    if key == "fallback":
        return one.dialect.fallback.family if one.dialect.fallback else "refused"
    if key in ("amsgrad", "correction"):
        largest = named(one.dialect.framework, rules.amsgrad)
        if largest is None:
            return ""
        return _chosen(key, largest.case) if key == "correction" else f"see {largest}"
    return next((word for case in _kin(one) if (word := _chosen(key, case))), _rule_of(key, one))


def _chosen(choice: str, case: Case) -> str:
    words = rules.choices(case.rule).get(choice)
    return case.choices.get(choice, words[0]) if words else ""


def _rule_of(key: str, one: Named) -> str:
    """Nesterov's momentum on plain gradients is a rule of its own in the textbook."""
    there = rules.nesterov in [case.rule for case in one.dialect.cases]
    return "see nesterov" if key == "ahead" and one.dialect.framework == "textbook" and there else ""


def _fields(there: Mapping[str, Named]) -> list[str]:
    return list(dict.fromkeys(field for one in there.values() for case in _kin(one) for field in case.state))


def _state_row(field: str, there: Mapping[str, Named]) -> Row:
    cells = {f: _state_cell(field, there[f]) if f in there else None for f in FRAMEWORKS}
    return Row(field, f"state {field}", cells)


def _state_cell(field: str, one: Named) -> Cell | None:
    """The state's name, and the argument that says where it starts or that value itself."""
    case = next((case for case in _kin(one) if field in case.rule.state._fields), None)
    if case is None:
        return None
    asked = {a.name: a.default for a in one.dialect.arguments if a.means == f"first {field}"}
    first = case.first.get(field, case.rule.state._field_defaults[field])
    return Cell(asked, case.state[field], next(iter(asked.values()), first))
