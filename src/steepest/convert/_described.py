"""An optimizer's options as the method that they make, whichever framework's."""

from collections.abc import Mapping
from typing import Any

from .. import dialects
from ..dialects import Dialect, Method
from ..errors import InputError


def dialect_of(framework: str, optimizer: type, spoken: str) -> Dialect:
    """The dialect of a framework's optimizer class by its name or by what it extends; a drop-in knows its own.

    Raises InputError where there is none.
    """
    native = getattr(optimizer, "native", None)
    if not isinstance(native, Dialect):
        known = {dialect.name for dialect in dialects.FRAMEWORKS[framework]}
        names = [one.__name__ for one in optimizer.__mro__ if one.__name__ in known]
        native = dialects.find(framework, names[0] if names else optimizer.__name__)
    return dialects.like(native, spoken)


def described(dialect: Dialect, options: Mapping[str, Any]) -> tuple[Method, dict[str, Any], Any]:
    """The method, its numbers, and its learning rate; InputError for what does not move entry by entry."""
    method, numbers = dialect.method(options), dialect.numbers(options)
    if not method.rule.elementwise:
        raise InputError(
            f"{dialect.name}'s state is not converted: which arrays it moves, and how, is another matter everywhere."
        )
    return method, numbers, numbers.pop("learning_rate")
