"""What a method computes, read off by running it once on symbols in place of arrays.

A symbol stands for one entry of an array (it *varies*) or for one number of a whole step (the step count, a learning
rate, a knob). Operators and the array functions of a rule record what was done; words that a rule chooses by are plain
strings, so what is recorded is straight-line arithmetic. What does not vary is computed once a step, outside the loop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..dialects import Method


class Symbol:
    """A number not known yet: an input by name, or an operation on symbols and plain numbers."""

    __slots__ = ("arguments", "dtype", "operation", "tape", "varies")

    def __init__(self, tape: "Tape", operation: str, arguments: tuple, *, varies: bool):
        self.tape, self.operation, self.arguments, self.varies = tape, operation, arguments, varies
        self.dtype = "symbol"  # what has a dtype counts as an array in arrays.py

    def __array_namespace__(self, api_version: str | None = None) -> "Tape":
        return self.tape

    def __add__(self, other: Any) -> Any:
        return self.tape.record("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.tape.record("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.tape.record("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.tape.record("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.tape.record("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.tape.record("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.tape.record("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.tape.record("/", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.tape.record("**", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.tape.record("**", other, self)

    def __neg__(self) -> Any:
        return self.tape.record("negative", self)

    def __abs__(self) -> Any:
        return self.tape.record("abs", self)

    def __lt__(self, other: Any) -> Any:
        return self.tape.record("<", self, other)

    def __le__(self, other: Any) -> Any:
        return self.tape.record("<=", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.tape.record(">", self, other)

    def __ge__(self, other: Any) -> Any:
        return self.tape.record(">=", self, other)

    def __eq__(self, other: object) -> Any:
        return self.tape.record("==", self, other)

    def __ne__(self, other: object) -> Any:
        return self.tape.record("!=", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError(
            "A rule must not branch on the value of an array or a number, which is not known when its kernel is made. "
            "Use where(condition, x, y) of steepest.arrays, or branch on a word-valued choice."
        )


def _negative(value: Any) -> bool:
    return isinstance(value, Symbol) and value.varies and value.operation == "negative"


# x op identity is x, so that a knob that a dialect holds at its neutral value costs nothing.
_IDENTITY = {"+": 0, "-": 0, "*": 1, "/": 1}


class Tape:
    """The operations recorded so far, each once; also the array namespace of its symbols."""

    __name__ = "symbols"  # as the modules have it that are array namespaces

    def __init__(self) -> None:
        self.symbols: dict[tuple, Symbol] = {}

    def input(self, name: str, *, varies: bool) -> Symbol:
        """A named input."""
        return self._symbol("input", (name,), varies=varies)

    def record(self, operation: str, *arguments: Any) -> Any:
        """The result of an operation, recorded once however often it is asked for."""
        if operation in _IDENTITY and not isinstance(arguments[1], Symbol) and arguments[1] == _IDENTITY[operation]:
            return arguments[0]
        if operation in "+*" and not isinstance(arguments[0], Symbol) and arguments[0] == _IDENTITY[operation]:
            return arguments[1]
        if any(_negative(one) for one in arguments) and operation in ("negative", "+", "-", "*", "/"):
            return self._with_sign(operation, *arguments)
        varies = any(isinstance(one, Symbol) and one.varies for one in arguments)
        return self._symbol(operation, arguments, varies=varies)

    def _with_sign(self, operation: str, *arguments: Any) -> Any:
        """The operation on arguments without their signs, and the sign of the result, if it has one, at the end.

        A framework that keeps a velocity's negative then has its step made of what is stored. With a sign in between,
        XLA computes the velocity twice and copies it first. No rounding depends on a sign.
        """
        bare = [one.arguments[0] if _negative(one) else one for one in arguments]
        if operation == "negative":
            return bare[0]
        first, second = (_negative(one) for one in arguments)
        if operation in "*/":
            unsigned = self.record(operation, *bare)
            return self.record("negative", unsigned) if first != second else unsigned
        second = second != (operation == "-")
        if first == second:
            unsigned = self.record("+", *bare)
            return self.record("negative", unsigned) if first else unsigned
        return self.record("-", *(bare if second else reversed(bare)))

    def _symbol(self, operation: str, arguments: tuple, *, varies: bool) -> Symbol:
        key = (operation, *(("#", id(one)) if isinstance(one, Symbol) else (type(one), one) for one in arguments))
        if key not in self.symbols:
            self.symbols[key] = Symbol(self, operation, arguments, varies=varies)
        return self.symbols[key]

    # The array functions that rules have (arrays.py), by their names in the array API.
    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return self.record("sqrt", x)

    def abs(self, x: Any) -> Any:
        """Absolute value."""
        return self.record("abs", x)

    def maximum(self, x: Any, y: Any) -> Any:
        """Larger of two; NaN where either is."""
        return self.record("maximum", x, y)

    def sign(self, x: Any) -> Any:
        """-1, 0 or 1; NaN where x is."""
        return self.record("sign", x)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """x where the condition holds, else y."""
        return self.record("where", condition, x, y)

    def log1p(self, x: Any) -> Any:
        """log(1 + x)."""
        return self.record("log1p", x)

    def expm1(self, x: Any) -> Any:
        """exp(x) - 1."""
        return self.record("expm1", x)


@dataclass(frozen=True)
class Program:
    """What a method does to one entry.

    arrays: state that has the parameter's shape, and scalars: state that is one number, by name.
    numbers: names of the numbers it is given besides the step count ``t``.
    step, state: symbols of the step to add and of the new state by name.
    symbols: all of them, each after what it is made of.
    """

    arrays: tuple[str, ...]
    scalars: tuple[str, ...]
    numbers: tuple[str, ...]
    step: Any
    state: Mapping[str, Any]
    symbols: Sequence[Symbol]


def trace(method: Method, numbers: Sequence[str]) -> Program:
    """Run a method on symbols.

    numbers: names of what it will be given; ``maximize`` among them is on.
    Raises TypeError, saying so, where its rule branches on values, or a number of its state depends on an entry.
    """
    tape = Tape()
    names = list(method.fields.values())
    given = {name: True if name == "maximize" else tape.input(name, varies=False) for name in numbers}
    state = {name: tape.input(f"state {name}", varies=name not in method.scalars) for name in names}
    parameter, g = tape.input("parameter", varies=True), tape.input("gradient", varies=True)
    step, new = method(parameter, g, state, tape.input("t", varies=False), given)
    for name in method.scalars:
        if isinstance(new[name], Symbol) and new[name].varies:
            raise TypeError(
                f"{name} in the state of {method.rule.__name__} is a Scalar, one number for all entries, but depends "
                "on the gradient or the parameter. Annotate it Array, or mark the rule with elementwise=False."
            )
    return Program(
        arrays=tuple(name for name in names if name not in method.scalars),
        scalars=tuple(name for name in names if name in method.scalars),
        numbers=tuple(name for name in numbers if name != "maximize"),
        step=step,
        state=new,
        symbols=tuple(tape.symbols.values()),
    )
