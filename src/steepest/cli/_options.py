"""Options that several commands share, declared once."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError, unknown
from ..rules import Rule, hyperparameters

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A CSV, TSV, Parquet or Arrow file, or one of digits, breast-cancer, wine, iris, diabetes.",
        show_default=False,
    ),
]
Target = Annotated[str | None, typer.Option(metavar="COL", help="The column to predict; built-in tables know theirs.")]
Task = Annotated[str | None, typer.Option(help="binary, multiclass or regression; found from the target if not given.")]
Weight = Annotated[str | None, typer.Option(metavar="COL", help="A column of sample weights.")]
ClassWeight = Annotated[str | None, typer.Option(help="balanced: weigh classes by the inverse of their frequency.")]
Hidden = Annotated[str, typer.Option(help="Units of each hidden layer, such as 64,64; none for a linear model.")]
Activation = Annotated[str, typer.Option(help="relu, leaky_relu, tanh, logistic, gelu, silu or linear.")]
Initializer = Annotated[str | None, typer.Option(help="Such as he_normal or glorot_uniform; fits the activation.")]
Scale = Annotated[float, typer.Option(help="Factor on the initial weights, for a deliberately bad start.")]
Loss = Annotated[str | None, typer.Option(help="squared_error or huber for a number; classes have one each.")]
Epochs = Annotated[int, typer.Option(help="At most so many passes over the training rows.")]
BatchSize = Annotated[
    str | None, typer.Option(help="Rows a step, or all.  [default: 32, or all where there are fewer]", metavar="ROWS")
]
Patience = Annotated[int, typer.Option(help="Stop after so many epochs without improvement; 0 never stops early.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write; it must not exist yet.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]


def hidden_units(text: str) -> tuple[int, ...]:
    """Units of each hidden layer from ``64,64`` or ``none``.

    >>> hidden_units("64,32"), hidden_units("none")
    ((64, 32), ())
    """
    if text.strip().lower() in ("none", ""):
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--hidden takes whole numbers such as 64,64, or none; received '{text}'.") from None


def batch(text: str | None) -> Any:
    """Rows a step from ``32`` or ``all``."""
    if text is None or text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--batch-size takes a whole number such as 32, or all; received '{text}'.") from None


def listed(text: str | None) -> list[str] | None:
    """Names from ``adam,sgd``; None where nothing was given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def whole_numbers(text: str, option: str) -> int | list[int]:
    """A count from ``3``, or a list from ``0,1,5``."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} takes how many, such as 3, or a list such as 0,1,5; received '{text}'.") from None
    return numbers[0] if len(numbers) == 1 else numbers


def rates(text: str) -> int | list[float]:
    """A count from ``13``, or learning rates from ``1e-3,1e-2``; a lone rate needs a point or an exponent.

    >>> rates("13"), rates("0.1"), rates("1e-3,1e-2")
    (13, [0.1], [0.001, 0.01])
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        return int(parts[0]) if len(parts) == 1 and parts[0].lstrip("+-").isdigit() else [float(part) for part in parts]
    except ValueError:
        raise InputError(
            f"--learning-rates takes how many, such as 13, or rates such as 1e-3,1e-2; received '{text}'."
        ) from None


def knobs(pairs: list[str] | None, rule: Rule) -> dict[str, float]:
    """A rule's hyperparameters from ``b1=0.8`` and its like.

    >>> from steepest.rules import adam
    >>> knobs(["b1=0.8"], adam)
    {'b1': 0.8}
    """
    read: dict[str, float] = {}
    for pair in pairs or []:
        name, _, value = (part.strip() for part in pair.partition("="))
        try:
            read[name] = float(value)
        except ValueError:
            raise InputError(
                f"--set takes a hyperparameter and its value, such as b1=0.8; received '{pair}'."
            ) from None
        if name not in hyperparameters(rule):
            raise unknown(f"hyperparameter of {rule.__name__}", name, hyperparameters(rule))
    return read


def seed(number: int) -> int:
    """A seed that every generator of random numbers takes."""
    if not 0 <= number < 2**31:
        raise InputError(f"--seed must be a whole number from 0 to {2**31 - 1}; received {number}. Try 0.")
    return number
