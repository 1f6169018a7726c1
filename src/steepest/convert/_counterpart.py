"""The optimizer of a framework that goes on exactly as a checkpoint's would have."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from ..dialects import FRAMEWORKS, REQUIRED, Dialect, like, of
from ..errors import InputError, unknown
from ..rules import Rule
from ._checkpoint import BESIDES, Checkpoint, Parameter
from ._refusals import Refusals
from ._state import Change

_NATIVE = {"torch": "torch.optim", "keras": "keras.optimizers", "optax": "optax"}
_RATE = "learning_rate"


@dataclass(frozen=True)
class Counterpart:
    """An optimizer by its home, name and arguments; as text, the call that makes it.

    rule: what a drop-in is made of that has no name in the framework; ``name`` is the rule's then.
    """

    module: str
    name: str
    options: Mapping[str, Any]
    rule: Rule | None = None

    def make(self, *first: Any) -> Any:
        """Make it.  first: what stands before the options, torch's parameters."""
        home = import_module(self.module)
        made = getattr(home, self.name) if self.rule is None else home.from_rule(self.rule)
        return made(*first, **self.options)

    def __str__(self) -> str:
        before = "parameters, " if self.module in ("torch.optim", "steepest.torch") else ""
        name = self.name if self.rule is None else f"from_rule({self.name})"
        return f"{self.module}.{name}({before}{', '.join(f'{k}={_shown(v)}' for k, v in self.options.items())})"


def counterpart(checkpoint: Checkpoint, framework: str) -> Counterpart:
    """What a framework has that goes on exactly as the checkpoint's optimizer: its own, or else our drop-in for it.

    framework: "torch", "keras" or "optax".
    Raises InputError where it has none, or where the checkpoint's parameters have different options.
    The learning rate is that of the next step; a schedule, clipping and averages are not in it.
    """
    if not isinstance(checkpoint, Checkpoint):
        raise InputError(
            f"checkpoint must be one of from_torch, from_keras or from_optax; received {checkpoint!r:.60}."
        )
    if framework not in _NATIVE:
        raise unknown("framework", framework, _NATIVE)
    first = _one_for_all(checkpoint)
    found = [
        Counterpart(module, dialect.name, {**_unusual(dialect, native, options), **told})
        for module, native, dialect, told in _candidates(framework)
        for options in _options(dialect, first)
        if _same(first, dialect, options)
    ]
    if found:  # the framework's own before ours, then the shortest
        return min(found, key=lambda one: (one.module != _NATIVE[framework], len(one.options)))
    assert first.method is not None
    rule = first.method.rule
    own = of(rule, framework)
    for options in _options(own, first):
        if _same(first, own, options):
            return Counterpart(f"steepest.{framework}", rule.__name__, _unusual(own, own, options), rule)
    raise InputError(f"{framework} has nothing that computes {first.method.rule.__name__} as {checkpoint.framework}'s.")


def _shown(value: Any) -> str:
    return 'float("inf")' if value == math.inf else repr(value)


def _unusual(dialect: Dialect, native: Dialect, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that must be told: other than the dialect's defaults, or without one in the native's signature."""
    usual, required = dialect.defaults, [name for name, value in native.defaults.items() if value is REQUIRED]
    return {name: value for name, value in options.items() if name in required or value != usual[name]}


def _one_for_all(checkpoint: Checkpoint) -> Parameter:
    if not checkpoint.moved:
        raise InputError("No optimizer moves any parameter of this checkpoint.")
    bare = {
        name: replace(one, numbers={n: value for n, value in (one.numbers or {}).items() if n not in BESIDES})
        for name, one in checkpoint.moved.items()
    }
    first, *others = bare.values()
    rate = first.rate(first.step_count)
    for other in others:
        refusals = Refusals(False)
        Change(first, other, first.step_count, rate, refusals).compare()
        if rate != other.rate(other.step_count):
            refusals.add(_RATE, "differs")
        try:
            refusals.check()
        except InputError:
            raise InputError(
                "This checkpoint's parameters have different options, so no one optimizer is it."
            ) from None
    return first


def _candidates(framework: str) -> Iterator[tuple[str, Dialect, Dialect, dict[str, str]]]:
    """The framework's own optimizers, then the drop-ins in every other dialect: (module, native, dialect, options)."""
    natives = [native for native in FRAMEWORKS[framework] if native.fallback is None]
    for native in natives:
        yield _NATIVE[framework], native, native, {}
    for native in natives:
        for other in FRAMEWORKS:
            if other != framework:
                try:
                    yield f"steepest.{framework}", native, like(native, other), {"dialect": other}
                except InputError:  # that framework has nothing like it
                    continue


def _options(dialect: Dialect, wanted: Parameter) -> Iterator[dict[str, Any]]:
    """Values for every argument, one set for each case of the dialect."""
    assert wanted.method is not None
    numbers = {**(wanted.numbers or {}), **dict(wanted.method.fixed), _RATE: wanted.rate(wanted.step_count)}
    for case in dialect.cases:
        if case.rule != wanted.method.rule:
            continue
        options: dict[str, Any] = {}
        for argument in dialect.arguments:
            means = argument.means
            if isinstance(means, tuple):
                options[argument.name] = tuple(numbers.get(m, d) for m, d in zip(means, argument.default, strict=True))
            elif means in numbers:
                options[argument.name] = numbers[means]
            else:
                options[argument.name] = 0.0 if means == "weight_decay" and argument.default else argument.default
            if argument.name in case.when and case.when[argument.name] is not True:
                options[argument.name] = case.when[argument.name]
            elif argument.name in case.when and not options[argument.name]:
                options[argument.name] = True
        if REQUIRED not in options.values():
            yield options


def _same(wanted: Parameter, dialect: Dialect, options: dict[str, Any]) -> bool:
    try:
        method, numbers = dialect.method(options), dialect.numbers(options)
    except InputError:
        return False
    rate = numbers.pop(_RATE)
    other = replace(wanted, method=method, numbers=numbers, learning_rate=rate, scheduled=False)
    refusals = Refusals(False)
    change = Change(replace(wanted, scheduled=False), other, wanted.step_count, rate, refusals)
    change.compare()
    change.state()
    try:
        refusals.check()
    except InputError:
        return False
    return True
