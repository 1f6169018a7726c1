"""The optimizer classes: made from the rules, each with its own signature."""

import functools
import inspect
from dataclasses import replace
from typing import Any

from .. import dialects, rules
from ..dialects import Argument, Dialect
from ..errors import bound
from ._optimizer import Optimizer


def drop_in(native: Dialect, name: str, home: str) -> type[Optimizer]:
    """The class of a rule, with its own signature.

    native: the rule as it is written.  name: of the class.  home: the module where pickle will find it.
    """
    kind = inspect.Parameter
    if "weight_decay" not in native.defaults:
        decay = Argument("weight_decay", 0.0, "weight_decay")
        native = replace(native, arguments=(*native.arguments, decay))
    own = [kind(one.name, kind.KEYWORD_ONLY, default=one.default) for one in native.arguments]
    own[0] = own[0].replace(kind=kind.POSITIONAL_OR_KEYWORD)  # the learning rate
    first = [kind("self", kind.POSITIONAL_OR_KEYWORD), kind("parameters", kind.POSITIONAL_OR_KEYWORD)]
    signature = inspect.Signature([*first, *own, kind("dialect", kind.KEYWORD_ONLY, default="textbook")])

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        given = bound(name, signature, (self, *args), named)
        dialect, parameters = given.pop("dialect", "textbook"), given.pop("parameters")
        given.pop("self")
        Optimizer.__init__(self, parameters, given, dialect)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    doc = (
        f"{name} for NumPy arrays, which it moves in place.\n\n    learning_rate: a number, or a schedule: a function "
        "of the number of steps taken.\n    dialect: whose mathematics and defaults: textbook, torch, keras or optax.\n"
        "    weight_decay: as the dialect has it; the textbook's is decoupled, where there is one.\n"
    )
    return type(name, (Optimizer,), {"__init__": __init__, "native": native, "__doc__": doc, "__module__": home})


@functools.cache  # one class for a rule, however often it is asked for
def from_rule(rule: rules.Rule) -> type[Optimizer]:
    """The optimizer class of any rule.

    A rule named ``my_rule`` makes the class ``MyRule``; to be pickled it must stand under that name in the module of
    the rule. Raises InputError for what is no rule, and for a rule that wants its gradient elsewhere than at the
    parameter.
    """
    return drop_in(dialects.of(rule), rules.class_name(rule.__name__), rule.__module__)
