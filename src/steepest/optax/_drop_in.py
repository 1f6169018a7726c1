"""The functions that stand in for optax's, made from the table of dialects."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import optax
import optax.contrib

from .. import dialects, rules
from ..dialects import REQUIRED, Dialect
from ..errors import InputError, bound
from ._transformation import transformation

Function = Callable[..., optax.GradientTransformationExtraArgs]


def drop_in(native: Dialect) -> Function:
    """The function that stands in for optax's of the same name, with its signature."""
    theirs = inspect.signature(getattr(optax, native.name, None) or getattr(optax.contrib, native.name)).parameters
    return _made(native, {name: one.kind for name, one in theirs.items()}, f"optax.{native.name}")


@functools.cache  # one function for a rule, however often it is asked for
def from_rule(rule: rules.Rule) -> Function:
    """The function that makes a ``GradientTransformation`` of any rule, its own knobs being keyword-only.

    Raises InputError for what is no rule, and for a rule that wants its gradient elsewhere than at the parameter.
    """
    return _made(dialects.of(rule, "optax"), {"learning_rate": inspect.Parameter.POSITIONAL_OR_KEYWORD}, rule.__name__)


def _made(native: Dialect, kinds: Mapping[str, Any], name: str) -> Function:
    """A function for a dialect.

    kinds: of its arguments, which are keyword-only otherwise.  name: what its docstring calls it.
    """
    kind = inspect.Parameter
    parameters = [
        kind(
            argument.name,
            kinds.get(argument.name, kind.KEYWORD_ONLY),
            default=kind.empty if argument.default is REQUIRED else argument.default,
        )
        for argument in native.arguments
    ]
    parameters.append(kind("dialect", kind.KEYWORD_ONLY, default="optax"))
    signature = inspect.Signature(parameters, return_annotation=optax.GradientTransformationExtraArgs)

    def make(*args: Any, **named: Any) -> optax.GradientTransformationExtraArgs:
        given = bound(native.name, signature, args, named)
        try:
            spoken = dialects.like(native, given.pop("dialect", native.framework))
        except InputError as error:
            raise ValueError(str(error)) from None
        return transformation(spoken, spoken.defaults | given)

    make.__signature__ = signature  # type: ignore[attr-defined]
    make.__name__ = make.__qualname__ = native.name
    make.__doc__ = f"{name} in the dialect of choice: optax, textbook, torch or keras."
    return make
