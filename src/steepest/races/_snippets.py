"""Lines to paste that build an optimizer, here and in each framework: the same mathematics, every knob told."""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import optimizer as constructors
from .. import rules
from ..dialects import CASE, FRAMEWORKS, Argument, Case, Dialect, like, of
from ..errors import InputError, unknown
from ..optimizer import Optimizer

# What an argument of a dialect means that says how to compute, and not what.
_HOW = "mechanics"
# Where a framework keeps its own optimizers, and what stands first in a call of one.
_HOMES: Mapping[str, str] = MappingProxyType({"torch": "torch.optim", "keras": "keras.optimizers", "optax": "optax"})
_FIRST: Mapping[str, str] = MappingProxyType({"torch": "model.parameters()"})
CODED = ("steepest", *_HOMES)


class Way(NamedTuple):
    """One way to build an optimizer.

    native: whether by the framework's own class or function.  imports: lines that go before.  name: what is called.
    told: its arguments.  constant: whether it computes the same at a constant rate only.
    """

    native: bool
    imports: tuple[str, ...]
    name: str
    told: Mapping[str, Any]
    constant: bool = False

    def call(self, first: str = "") -> str:
        """The call, with what stands before its named arguments."""
        told = ", ".join(f"{name}={shown(value)}" for name, value in self.told.items())
        return f"{self.name}({', '.join(filter(None, (first, told)))})"


def snippet(one: Optimizer, framework: str) -> str:
    """Lines that build an optimizer, of constant rate, in a framework.

    framework: one of ``CODED``. Where the framework's own class computes the same it comes first, and our drop-in, in
    comments, after it. Gradient transforms are named in a comment, except here, where they are arguments.
    Raises InputError for an unknown framework.
    """
    if framework not in CODED:
        raise unknown("framework", framework, CODED)
    if framework == "steepest":
        return "\n".join(_here(one))
    try:
        first, *others = ways(one, framework)
    except InputError as error:  # no framework can have such a rule
        return f"# {error}"
    lines = [*_notes(one, first, framework), *_lines(one, first, framework)]
    for other in others:
        lines += ["# The same by steepest's drop-in:"]
        lines += [f"# {line}" for line in _lines(one, other, framework) if line]
    return "\n".join(lines)


def ways(one: Optimizer, framework: str) -> list[Way]:
    """How a framework builds an optimizer: its own class where that computes the same at a constant rate, then ours.

    Raises InputError for a rule that frameworks cannot have.
    """
    own = of(_counterpart(one.rule), framework)
    natives = [native for native in FRAMEWORKS[framework] if native.fallback is None]
    natives.sort(key=lambda native: native.family != own.family)
    theirs = (_way(one, native, _HOMES[framework]) for native in natives)
    ours = (_way(one, like(native, "textbook"), f"steepest.{framework}") for native in natives)
    native, drop_in = (next(filter(None, found), None) for found in (theirs, ours))
    if native and math.inf in one.hyperparameters.values():  # which our torch drop-ins do not take
        return [native]
    return [*filter(None, [native]), drop_in or _from_rule(one, own)]


def _counterpart(rule: rules.Rule) -> rules.Rule:
    """What frameworks, which take the gradient at the parameter, have in place of a rule: a rule that moves alike."""
    return rules.nesterov if rule is rules.nesterov_lookahead else rule


def _way(one: Optimizer, dialect: Dialect, home: str) -> Way | None:
    """The call of a dialect's optimizer with the fewest arguments; None where none of it computes the same."""
    native = home == _HOMES.get(dialect.framework)
    asked = [options for case in dialect.cases if _computes(one, dialect, options := _options(one, dialect, case))]
    if not asked:
        return None
    options = min(asked, key=lambda options: len(_told(one, dialect, options)))
    told, outside = _told(one, dialect, options), dict(dialect.case(options).choices).get("rate_at") == "outside"
    if native:
        return Way(True, (f"import {home.partition('.')[0]}",), f"{home}.{dialect.name}", told, outside)
    return Way(False, (f"from {home} import {dialect.name}",), dialect.name, {**told, "dialect": "textbook"})


def _options(one: Optimizer, dialect: Dialect, case: Case) -> dict[str, Any]:
    """A value for every argument of a dialect, for one of its cases."""
    known = {f"first {field}": value for field, value in rules.fields(one.rule).items()}
    known |= {**one.hyperparameters, "learning_rate": one.learning_rate}

    def value(argument: Argument) -> Any:
        means, usual = argument.means, argument.default
        if isinstance(means, tuple):
            return tuple(known.get(knob, default) for knob, default in zip(means, usual, strict=True))
        if means == CASE:
            return case.when.get(argument.name, usual)
        if means == _HOW:
            return usual
        return known.get(means, 0.0 if usual else usual)  # what the rule has not is switched off

    return {argument.name: value(argument) for argument in dialect.arguments}


def _computes(one: Optimizer, dialect: Dialect, options: Mapping[str, Any]) -> bool:
    """Whether a dialect with these options is the rule as it is written, with its knobs, at a constant rate."""
    try:
        method, numbers = dialect.method(options), dialect.numbers(options)
    except InputError:  # no case of the dialect
        return False
    rule = _counterpart(one.rule)
    if rule is rules.adamw and method.rule is rules.adam and method.weight_decay == "decoupled":
        rule = rules.adam
    words = rules.choices(method.rule)
    # At a constant rate it is the same whether the rate stands inside the velocity or outside.
    as_written = all(words[choice][0] == word for choice, word in method.choices if choice != "rate_at")
    begun = rules.fields(method.rule)
    told = {"weight_decay": 0.0, **rules.hyperparameters(method.rule), **numbers, **dict(method.fixed)}
    wanted = {"weight_decay": 0.0, **one.hyperparameters, "learning_rate": one.learning_rate}
    return method.rule is rule and as_written and begun == {**begun, **dict(method.first)} and told == wanted


def _told(one: Optimizer, dialect: Dialect, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options worth telling: the rate, the rule's own knobs, and whatever is not as by default."""
    own = {"learning_rate", *one.hyperparameters}
    means = {a.name: set(a.means) if isinstance(a.means, tuple) else {a.means} for a in dialect.arguments}
    return {name: value for name, value in options.items() if means[name] & own or value != dialect.defaults[name]}


def _from_rule(one: Optimizer, own: Dialect) -> Way:
    """Our drop-in of the rule itself."""
    rule = _counterpart(one.rule)
    rate = next(argument.name for argument in own.arguments if argument.means == "learning_rate")
    imports = *_import_of(rule), f"from steepest.{own.framework} import from_rule"
    told = {rate: one.learning_rate, **one.hyperparameters}
    return Way(False, imports, f"from_rule({rule.__name__})", told)


def _import_of(rule: rules.Rule) -> tuple[str, ...]:
    """The line that imports a rule; none for one that no module has."""
    if rules.ALL.get(rule.__name__) is rule:
        return (f"from steepest.rules import {rule.__name__}",)
    lost = rule.__module__ == "__main__" or "<locals>" in getattr(rule, "__qualname__", "")
    return () if lost else (f"from {rule.__module__} import {rule.__name__}",)


def _here(one: Optimizer) -> list[str]:
    """Lines that build it with steepest itself."""
    known = rules.ALL.get(one.name) is one.rule
    told: dict[str, Any] = {"learning_rate": one.learning_rate, **one.hyperparameters}
    if one.transforms:
        told["transforms"] = one.transforms
    imports = list(_import_of(one.rule)) if not known else []
    if one.transforms:
        imports += [f"from steepest.gradients import {', '.join(sorted({type(t).__name__ for t in one.transforms}))}"]
    name, first = f"st.{rules.class_name(one.name)}", ""
    if not known or not hasattr(constructors, rules.class_name(one.name)):
        name, first = "st.optimizer.optimizer", shown(one.name) if known else one.name
    call = Way(True, (), name, told).call(first)
    return [*_sorted(["import steepest as st", *imports]), "", f"optimizer = {call}"]


def _notes(one: Optimizer, way: Way, framework: str) -> list[str]:
    """What whoever pastes it should know, as comments."""
    told = []
    if not way.native:
        told.append(f"# {_HOMES[framework]} has nothing that computes the same; this is steepest's drop-in.")
    if _counterpart(one.rule) is not one.rule:
        told.append("# The same method, with the parameters kept at the point looked ahead to.")
    if way.constant:
        told.append(
            "# The same at a constant learning rate; a schedule would act on past gradients too, unlike in steepest."
        )
    if one.transforms:
        told.append(f"# Before each step the gradients went through {', '.join(map(repr, one.transforms))}.")
    return told


def _lines(one: Optimizer, way: Way, framework: str) -> list[str]:
    if framework == "torch" and one.rule.fallback is not None:
        return _two(one, way)
    return [*_sorted(way.imports), "", f"optimizer = {way.call(_FIRST.get(framework, ''))}"]


def _two(one: Optimizer, way: Way) -> list[str]:
    """torch's way with a rule for matrices: a second optimizer has the rest."""
    rule = one.rule.fallback
    assert rule is not None
    usual = rules.hyperparameters(rule)
    knobs = {knob: one.hyperparameters.get(knob, value) for knob, value in usual.items()}
    other = ways(Optimizer(rule, knobs, one.schedule), "torch")[0]
    return [
        *_sorted({*way.imports, *other.imports}),
        "",
        "matrices = [p for p in model.parameters() if p.ndim == 2]",
        "others = [p for p in model.parameters() if p.ndim != 2]",
        f"optimizer = {way.call('matrices')}",
        f"optimizer_of_others = {other.call('others')}  # step both",
    ]


def _sorted(imports: Iterable[str]) -> list[str]:
    return sorted(imports, key=lambda line: (line.startswith("from"), line))


def shown(value: Any) -> str:
    """A value as Python reads it back.

    >>> shown("all"), shown(math.inf), shown((0.9, 0.999))
    ('"all"', 'float("inf")', '(0.9, 0.999)')
    """
    if value == math.inf:
        return 'float("inf")'
    return f'"{value}"' if isinstance(value, str) else repr(value)
