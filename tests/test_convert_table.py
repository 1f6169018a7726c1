"""The table in docs/convert.md says what the code does."""

from pathlib import Path

import numpy as np
import pytest

from steepest import dialects
from steepest.convert import Checkpoint, Parameter
from steepest.convert._refusals import Refusals
from steepest.convert._state import Change
from steepest.errors import InputError

PAGE = Path(__file__).parents[1] / "docs" / "convert.md"
# A row's name -> each framework's optimizer and options; None where it has none.
ROWS = {
    "SGD": ({}, {}, {}),
    "SGD, momentum": ({"momentum": 0.9},) * 3,
    "SGD, nesterov": ({"momentum": 0.9, "nesterov": True},) * 3,
    "Adagrad": ({}, {}, {}),
    "RMSprop": ({}, {}, {}),
    "RMSprop, centered": ({"centered": True},) * 3,
    "RMSprop, momentum": ({"momentum": 0.9},) * 3,
    "Adadelta": ({}, {}, {}),
    "Adam": ({}, {}, {}),
    "AdamW": ({}, {}, {}),
    "AMSGrad": ({"amsgrad": True}, {"amsgrad": True}, {}),
    "Adamax": ({}, {}, {}),
    "Nadam": ({}, {}, {}),
    "RAdam": ({}, None, {}),
    "Lion": (None, {}, {}),
}
NAMES = {("AMSGrad", "torch"): "Adam", ("AMSGrad", "keras"): "Adam", ("Nadam", "torch"): "NAdam"}


def parameter(framework, row, options, *, scheduled):
    """A parameter of that optimizer with its defaults, after 5 steps."""
    name = NAMES.get((row, framework), row.split(",")[0])
    dialect = dialects.find(framework, name.lower() if framework == "optax" else name)
    full = dialect.defaults | options | {dialect.arguments[0].name: 0.5}
    method, numbers = dialect.method(full), dialect.numbers(full)
    state = {field: np.ones(() if name in method.scalars else 3) for field, name in method.fields.items()}
    del numbers["learning_rate"]
    return Parameter(np.ones(3), method, numbers, 0.5, scheduled, state=state, step_count=5)


def cell(row, one, other):
    told = set()
    for scheduled in (False, True):
        for source, target in ((one, other), (other, one)):
            if None in (source[1], target[1]):
                return "-"
            sides = (parameter(where, row, options, scheduled=scheduled) for where, options in (source, target))
            refusals = Refusals(False)
            Change(*sides, step_count=5, rate=0.5, refusals=refusals).state()
            try:
                refusals.check()
            except InputError as error:
                field = str(error).splitlines()[1].split(":")[0].strip()
                told.add("constant rate" if scheduled and "scheduled" in str(error) else f"refused: {field}")
    return told.pop() if told else "exact"


def test_the_table_is_what_the_code_does():
    page = [line.strip("| \n").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    written = {row[0]: row[1:] for row in page if row[0] in ROWS}
    made = {}
    for row, options in ROWS.items():
        sides = dict(zip(("torch", "keras", "optax"), options, strict=True))
        pairs = ("torch", "keras"), ("torch", "optax"), ("keras", "optax")
        made[row] = [cell(row, (a, sides[a]), (b, sides[b])) for a, b in pairs]
    assert written == made


@pytest.mark.parametrize("framework", ["torch", "keras", "optax"])
def test_every_optimizer_of_the_dialects_has_a_row(framework):
    """But Muon, which is not converted, and what is another's with other words (AdamW of Nadam, of Adamax)."""
    names = {dialect.name.lower() for dialect in dialects.FRAMEWORKS[framework]}
    assert names - {row.split(",")[0].lower() for row in ROWS} <= {"muon", "nadamw", "adamaxw"}


def test_a_checkpoint_is_plain_arrays():
    one = parameter("torch", "Adam", {}, scheduled=False)
    assert Checkpoint("torch", {"w": one, "frozen": Parameter(np.ones(2))}).moved == {"w": one}
