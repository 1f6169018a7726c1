"""The tables of dialects against the native libraries: names, defaults, state, counters, and what the notes say."""

import importlib
import importlib.metadata
import inspect
import math
from pathlib import Path

import pytest

from steepest import dialects, rules
from steepest.dialects._dialect import CASE, MECHANICS, REQUIRED
from steepest.dialects._table import SWITCHES

DOCUMENT = Path(__file__).parents[1] / "docs" / "dialects.md"
FAMILIES = [dialect.cases[0].rule for dialect in dialects.FRAMEWORKS["textbook"]]
NATIVES = [dialect for name in ("torch", "keras", "optax") for dialect in dialects.FRAMEWORKS[name]]
each_native = pytest.mark.parametrize("dialect", NATIVES, ids=lambda one: f"{one.framework} {one.name}")
each_family = pytest.mark.parametrize("rule", FAMILIES, ids=lambda rule: rule.__name__)


def native(dialect):
    """The framework's own class or function."""
    module = importlib.import_module(dialects.LIBRARIES[dialect.framework][0])
    return getattr(module, dialect.name, None) or getattr(importlib.import_module("optax.contrib"), dialect.name)


def test_the_document_is_up_to_date():
    assert DOCUMENT.read_text(encoding="utf-8") == dialects.document(), (
        'The tables of dialects have changed. Make the page anew: python -c "from steepest import dialects; '
        'print(dialects.document(), end=str())" > docs/dialects.md'
    )


@pytest.mark.parametrize("framework", dialects.LIBRARIES)
def test_the_document_names_the_versions_that_are_compared(framework):
    version = dialects.LIBRARIES[framework][1]
    assert importlib.metadata.version(framework).split("+")[0].startswith(version)


@each_native
def test_every_argument_is_the_native_s_with_its_default(dialect):
    parameters = inspect.signature(native(dialect)).parameters.values()
    theirs = {one.name: one.default for one in parameters if one.name not in ("params", "kwargs")}
    ours = {name: inspect.Parameter.empty if d is REQUIRED else d for name, d in dialect.defaults.items()}
    assert ours == theirs
    switches = [{name for name, d in each.items() if isinstance(d, bool)} for each in (ours, theirs)]
    assert switches[0] == switches[1]  # 0 equals False, and is none


@each_family
def test_every_argument_stands_in_one_place_of_its_table(rule):
    comparison = dialects.compare(rule)
    for framework, call in comparison.calls.items():
        if call is None:
            continue
        rows = [name for row in comparison.rows if (cell := row.cells[framework]) for name in cell.arguments]
        kept = [name for row in comparison.states if (cell := row.cells[framework]) for name in cell.arguments]
        shown = sorted([*(name.split("[")[0] for name in {*rows}), *kept, *comparison.besides[framework]])
        pairs = [a.name for a in call.dialect.arguments if isinstance(a.means, tuple)]
        told_above = {"amsgrad"} if rule is rules.amsgrad else set()
        assert shown == sorted([*(set(call.dialect.defaults) - told_above), *pairs])
        for row in comparison.rows:
            for name, value in row.cells[framework].arguments.items() if row.cells[framework] else ():
                argument, _, place = name.partition("[")
                default = call.dialect.defaults[argument]
                assert value == (default[int(place[0])] if place else default)


@each_native
def test_every_argument_that_picks_a_case_has_its_row(dialect):
    assert {argument.name for argument in dialect.arguments if argument.means == CASE} <= set(SWITCHES)
    assert not {argument.name for argument in dialect.arguments if argument.means == MECHANICS} & set(SWITCHES)


def cell(name, key, framework):
    comparison = dialects.compare(dialects.rule_called(name))
    (row,) = [row for row in (*comparison.rows, *comparison.states) if row.key == key]
    return row.cells[framework], row.differs(framework)


@pytest.mark.parametrize(
    ("name", "key", "framework", "arguments", "word", "differs"),
    [
        ("adam", "epsilon_at", "keras", {}, "hat", True),
        ("adam", "epsilon_at", "torch", {}, "outside", False),
        ("adam", "b1", "torch", {"betas[0]": 0.9}, "", False),
        ("adam", "correction", "optax", {}, "before", True),
        ("adam", "correction", "torch", {}, "after", True),
        ("rmsprop", "epsilon_at", "optax", {"eps_in_sqrt": True}, "inside", False),
        ("rmsprop", "rate_at", "optax", {}, "inside", False),
        ("rmsprop", "rate_at", "torch", {}, "outside", True),
        ("sgd", "rate_at", "keras", {}, "inside", False),
        ("sgd", "rate_at", "optax", {}, "outside", True),
        ("nadam", "momentum_decay", "keras", {}, "1, fixed", True),
        ("nadam", "momentum_decay", "torch", {"momentum_decay": 0.004}, "", False),
        ("radam", "threshold", "optax", {"threshold": 5.0}, "", True),
        ("radam", "threshold", "torch", {}, "5, fixed", True),
        ("adagrad", "s", "torch", {"initial_accumulator_value": 0.0}, "sum", False),
        ("adagrad", "s", "keras", {"initial_accumulator_value": 0.1}, "accumulator", True),
        ("adamax", "epsilon_at", "torch", {}, "within", True),
        ("muon", "gather", "optax", {}, "corrected", True),
        ("adam", "weight_decay_kind", "torch", {"decoupled_weight_decay": False}, "coupled", True),
        ("lion", "weight_decay_kind", "keras", {}, "decoupled", False),
        ("muon", "fallback", "torch", {}, "refused", True),
    ],
)  # fmt: skip
def test_what_stands_in_a_cell(name, key, framework, arguments, word, differs):
    found, other = cell(name, key, framework)
    assert (dict(found.arguments), found.word, other) == (arguments, word, differs)


def test_what_is_not_there_is_none():
    assert cell("lion", "b1", "torch") == (None, False)
    assert cell("adam", "epsilon_root", "keras") == (None, False)
    assert cell("nadam", "momentum_decay", "optax")[0].value == math.inf


def test_a_rule_of_one_s_own_is_in_the_textbook_alone():
    @rules.rule(rules.SGDState)
    def slow(g, state, t, *, learning_rate, slowness=2.0):
        return -learning_rate * g / slowness, state

    comparison = dialects.compare(slow)
    assert {framework: call and str(call) for framework, call in comparison.calls.items()} == {
        "textbook": "slow", "torch": None, "keras": None, "optax": None,
    }  # fmt: skip
    assert {row.key: row.cells["textbook"].arguments for row in comparison.rows}["slowness"] == {"slowness": 2.0}


@pytest.mark.parametrize(
    ("framework", "rule", "call"),
    [
        ("torch", rules.amsgrad, "Adam(amsgrad=True)"), ("torch", rules.momentum, "SGD(momentum=0.9)"),
        ("torch", rules.nesterov, "SGD(momentum=0.9, nesterov=True)"), ("optax", rules.nadam, "nadam"),
        ("optax", rules.rmsprop_momentum, "rmsprop(momentum=0.9)"), ("keras", rules.adamw, "AdamW"),
        ("keras", rules.adam, "Adam"), ("optax", rules.muon, "muon"), ("textbook", rules.nesterov, "nesterov"),
        ("torch", rules.nesterov_lookahead, "SGD(momentum=0.9, nesterov=True)"),
    ],
)  # fmt: skip
def test_the_fewest_options_that_ask_for_a_rule(framework, rule, call):
    found = dialects.named(framework, rule)
    assert str(found) == call
    assert framework == "textbook" or found.dialect.case(found.dialect.defaults | found.options) is found.case
