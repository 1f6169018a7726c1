"""Every dialect of every framework, and how to find one."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from .. import rules
from ..errors import InputError, unknown
from ._dialect import Dialect, textbook
from ._keras import KERAS
from ._optax import OPTAX
from ._own import family_of, written
from ._torch import TORCH


def _textbook() -> tuple[Dialect, ...]:
    families: dict[str, list[rules.Rule]] = {}
    for rule in rules.ALL.values():
        families.setdefault(family_of(rule), []).append(rule)
    return tuple(written(family, members, family) for family, members in families.items())


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
    # A rule is found under whatever name a framework has it, and each of a family as it is written.
    by_default = [dialect.case(dialect.defaults)]
    sought = {case.rule for case in (dialect.cases if dialect.framework == "textbook" else by_default)}

    def strangeness(other: Dialect) -> int:
        return 0 if other.family == dialect.family else 1 if any(one.rule in sought for one in other.cases) else 2

    others = sorted(FRAMEWORKS[framework], key=strangeness)
    if strangeness(others[0]) == 2:
        raise InputError(f"{framework} has nothing like {dialect.framework}'s {dialect.name}. Try dialect='textbook'.")
    return dialect.speaking(others)
