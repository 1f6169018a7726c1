"""What the commands that train share: the table and its network, where to write, how to say results."""

from pathlib import Path
from typing import Any

from rich.console import Console

from ..data import BUILT_IN, Dataset, read
from ..problems import NetworkProblem, network


def table_and_network(data: str, asked: dict[str, Any]) -> tuple[Dataset, NetworkProblem]:
    """The table that was named, and the network to train on it."""
    table = read(data, target=asked["target"], task=asked["task"], weight=asked["weight"])
    names = ("hidden", "activation", "initializer", "scale", "loss", "class_weight")
    return table, network(table, **{name: asked[name] for name in names})


def source_of(data: str) -> str:
    """Where a table was read, as a directory keeps it: a built-in table's name, or a file's whole path."""
    return data if data in BUILT_IN else str(Path(data).resolve())


def say_data(console: Console, table: Dataset) -> None:
    """What was read, and what was done about it."""
    console.print(table.describe())
    for note in table.notes:
        console.print(f"  {note}")


def free_name(stem: str) -> Path:
    """The first of *stem*, *stem*-2, *stem*-3, ... that does not exist yet."""
    number, path = 1, Path(stem)
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}")
    return path


def counted(number: int, noun: str) -> str:
    """How many of what.

    >>> counted(1, "run"), counted(2000, "run")
    ('1 run', '2,000 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def metrics_line(metrics: dict[str, Any]) -> str:
    """Metrics as people say them."""
    if "accuracy" in metrics:
        return (
            f"accuracy {metrics['accuracy']:.3f}, balanced accuracy {metrics['balanced_accuracy']:.3f}, "
            f"cross-entropy {metrics['cross_entropy']:.3f} nats ({counted(metrics['rows'], 'row')})"
        )
    r2 = "" if metrics["r2"] is None else f", R² {metrics['r2']:.3f}"
    return (
        f"root mean squared error {metrics['rmse']:.4g}, mean absolute error {metrics['mae']:.4g}{r2}, "
        f"in {metrics['unit']} ({counted(metrics['rows'], 'row')})"
    )
