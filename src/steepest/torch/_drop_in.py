"""The classes that stand in for torch's: made from a dialect, with torch's signature."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import torch

from .. import dialects, rules
from ..dialects import Dialect
from ..errors import InputError, bound
from ._optimizer import Optimizer


def drop_in(native: Dialect) -> type[Optimizer]:
    """The class that stands in for torch's of the same name, with its signature."""
    theirs = inspect.signature(getattr(torch.optim, native.name)).parameters
    home = __name__.rpartition(".")[0]  # where pickle finds the class
    return _made(native, {name: one.kind for name, one in theirs.items()}, home, f"torch.optim.{native.name}")


@functools.cache  # one class for a rule, however often it is asked for
def from_rule(rule: rules.Rule) -> type[Optimizer]:
    """The ``torch.optim.Optimizer`` of any rule: its own knobs, and ``lr`` and ``maximize`` as everywhere in torch.

    A rule named ``my_rule`` makes the class ``MyRule``; to be pickled it must stand under that name in the module of
    the rule. A rule with a fall-back moves matrices alone, as torch's Muon does.
    Raises InputError for what is no rule, and for a rule that wants its gradient elsewhere than at the parameter.
    """
    native = dialects.of(rule, "torch")
    return _made(native, {"lr": inspect.Parameter.POSITIONAL_OR_KEYWORD}, rule.__module__, native.name)


def _made(native: Dialect, kinds: Mapping[str, Any], home: str, name: str) -> type[Optimizer]:
    """A class for a dialect.

    kinds: of its arguments, which are keyword-only otherwise.  home: its module.  name: what its docstring calls it.
    """
    kind = inspect.Parameter
    parameters = [kind("self", kind.POSITIONAL_OR_KEYWORD), kind("params", kind.POSITIONAL_OR_KEYWORD)]
    for argument in native.arguments:
        parameters.append(kind(argument.name, kinds.get(argument.name, kind.KEYWORD_ONLY), default=argument.default))
    parameters.append(kind("dialect", kind.KEYWORD_ONLY, default="torch"))
    parameters.append(kind("stochastic_rounding", kind.KEYWORD_ONLY, default=False))
    signature = inspect.Signature(parameters)

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        given = bound(native.name, signature, (self, *args), named)
        params, dialect = given.pop("params"), given.pop("dialect", "torch")
        at_random = given.pop("stochastic_rounding", False)
        given.pop("self")
        try:
            options = dialects.like(native, dialect).defaults | given
        except InputError as error:
            raise ValueError(str(error)) from None
        Optimizer.__init__(self, params, options, dialect, at_random)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    body = {"__init__": __init__, "native": native, "__doc__": _told(native, name), "__module__": home}
    return type(native.name, (Optimizer,), body)


def _told(native: Dialect, name: str) -> str:
    by = dict.fromkeys(case.rule.__name__ for case in native.cases)
    notes = "\n".join(f"    {note}" for note in native.notes)
    return (
        f"{name} in one pass over memory, by {', '.join(by)}.\n\n"
        f"    dialect: whose mathematics and defaults: torch, textbook, keras or optax.\n"
        f"    stochastic_rounding: round 16-bit parameters at random, so that small steps are not lost.\n{notes}\n"
    )
