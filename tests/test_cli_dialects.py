"""``steepest dialects``: the overview, one optimizer side by side, as JSON, and what is refused."""

import itertools
import json
import subprocess
import sys

import pytest

from steepest import dialects, rules

from .cli_tools import Shell, process

FAMILIES = [dialect.cases[0].rule for dialect in dialects.FRAMEWORKS["textbook"]]
each_family = pytest.mark.parametrize("rule", FAMILIES, ids=lambda rule: rule.__name__)


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


@pytest.fixture
def narrow(shell, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return shell


def columns_of(line, head):
    """A table's line cut where the head's names begin."""
    starts = [0, *(head.index(framework) for framework in dialects.FRAMEWORKS), None]
    return [line[start:end].strip() for start, end in itertools.pairwise(starts)]


def test_the_overview_has_a_row_an_optimizer_and_what_each_framework_calls_it(shell):
    told = shell.works("dialects").splitlines()
    head = told[0]
    rows = {row[0]: row[1:] for row in (columns_of(line, head) for line in told[2:]) if row[0]}
    assert [name for name in rows if " " not in name][: len(FAMILIES)] == [
        rules.proper_name(rule.__name__) for rule in FAMILIES
    ]
    assert rows["RMSProp"] == ["rmsprop, rmsprop_momentum", "RMSprop", "RMSprop", "rmsprop"]
    assert rows["AMSGrad"] == ["amsgrad", "Adam(amsgrad=True)", "Adam(amsgrad=True)", "amsgrad"]
    assert rows["Lion"] == ["lion", "-", "Lion", "lion"]
    assert rows["AdamW"] == ["adamw", "AdamW", "AdamW", "adamw"]


def test_adam_side_by_side(shell):
    told = shell.works("dialects", "adam").splitlines()
    head = told[1]
    rows = {row[0]: row[1:] for row in reversed([columns_of(line, head) for line in told[3:]])}  # the first of a name
    assert rows["epsilon"] == ["epsilon = 1e-8", "eps = 1e-8", "epsilon = 1e-7 *", "eps = 1e-8"]
    assert rows["b2"] == ["b2 = 0.999", "betas[1] = 0.999", "beta_2 = 0.999", "b2 = 0.999"]
    assert rows["learning"] == [
        "learning_rate = 0.001",
        "lr = 0.001",
        "learning_rate = 0.001",
        "learning_rate = required",
    ]
    assert any("outside, as epsilon hat *" in line for line in told)
    assert rows["state v"] == ["v, from 0", "exp_avg_sq, from 0", "velocity, from 0", "nu, from 0"]
    text = " ".join(" ".join(told).split())
    assert "Kingma & Ba 2015" in text
    assert "torch: foreach, capturable, differentiable, fused" in text
    for framework in ("torch", "keras", "optax"):
        for note in dialects.named(framework, rules.adam).dialect.notes:
            assert note in text


@each_family
def test_nothing_is_cut_off_at_80_columns(narrow, rule):
    told = narrow.works("dialects", rule.__name__)
    assert max(map(len, told.splitlines())) <= 80
    assert "…" not in told
    assert "\x1b" not in told
    # Wide and narrow say the same: every word of a cell is there, if need be on several lines.
    letters = {
        name for row in dialects.compare(rule).states for cell in row.cells.values() if cell for name in [cell.word]
    }
    squeezed = "".join(told.split())
    short = [name for name in letters if len(name) <= 14]
    assert short
    assert all(name in squeezed for name in short)


def test_no_word_is_cut_off_where_a_terminal_is_narrower_than_the_table(shell, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    told = shell.works("dialects", "adam")
    assert "…" not in told
    assert "learning_rate" in told
    assert max(map(len, told.splitlines())) <= 80


@each_family
def test_json_is_the_same_as_the_table(shell, rule):
    data = json.loads(shell.works("dialects", rule.__name__, "--json"))
    comparison = dialects.compare(rule)
    assert data["name"] == comparison.name
    assert [row["key"] for row in data["rows"]] == [row.key for row in comparison.rows]
    for row, ours in zip(data["rows"], comparison.rows, strict=True):
        for framework, cell in row["dialects"].items():
            assert (cell is None) == (ours.cells[framework] is None)
            if cell is not None:
                assert list(cell["arguments"]) == list(ours.cells[framework].arguments)
                assert cell["differs"] == ours.differs(framework)
    assert {row["field"] for row in data["state"]} == {row.key for row in comparison.states}


def test_json_of_all(shell):
    assert json.loads(shell.works("dialects", "--json")) == dialects.overview()


def test_json_says_what_json_has_no_number_for(shell):
    rows = {row["key"]: row["dialects"] for row in json.loads(shell.works("dialects", "nadam", "--json"))["rows"]}
    assert rows["momentum_decay"]["optax"]["computes"] == "infinity"
    assert rows["learning_rate"]["optax"]["arguments"] == {"learning_rate": "required"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("RMSprop", "RMSProp"), ("rmsprop", "RMSProp"), ("RMSProp", "RMSProp"), ("NAdam", "Nadam"), ("nadamw", "Nadam"),
        ("momentum", "SGD"), ("NESTEROV", "SGD"), ("torch.optim.SGD", "SGD"), ("optax.contrib.muon", "Muon"),
        ("Nesterov (look-ahead)", "SGD"), ("adamaxw", "Adamax"), ("AMSGrad", "AMSGrad"), ("AdamW", "AdamW"),
    ],
)  # fmt: skip
def test_names_are_found_in_any_case_and_by_any_framework_s_spelling(shell, said, name):
    assert shell.works("dialects", said).splitlines()[0] == name


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("adma",), "Unknown optimizer 'adma'. Did you mean 'adam'? Allowed: "),
        (("",), "Unknown optimizer ''. Allowed: "),
        (("--show",), "--show and --out want an optimizer. Try 'steepest dialects adam --show'."),
        (("adam", "--out", "x.html"), "--out says where --show writes. Give both, or neither."),
        (("adam", "--show", "--json"), "--json and --show exclude each other. Give one of them."),
        (("adam", "sgd"), "Got unexpected extra argument"),
    ],
)
def test_mistakes_are_one_sentence_and_code_2(shell, words, sentence):
    assert shell.refuses("dialects", *words).startswith(sentence)


def test_show_writes_one_page_and_says_how_far(shell):
    told = shell.works("dialects", "RAdam", "--show").splitlines()
    assert told[0] == "Distance from the textbook's RAdam down a small valley, at the same learning rates:"
    assert told[1].split("  ")[0] == "after"
    assert [line.split("  ")[0].strip() for line in told[2:-1]] == [
        f"{framework}, {numbers}"
        for numbers in ("its own defaults", "the textbook's numbers")
        for framework in ("torch", "optax")
    ]
    assert told[-1] == "Drawn: dialects-radam.html"
    assert [path.name for path in shell.place.iterdir()] == ["dialects-radam.html"]


def test_show_goes_where_it_is_told_and_replaces_what_is_there(shell):
    (shell.place / "mine.html").write_text("before")
    assert shell.works("dialects", "momentum", "--show", "--out", "mine.html").endswith("Drawn: mine.html\n")
    assert "walk apart" in (shell.place / "mine.html").read_text(encoding="utf-8")
    assert shell.refuses("dialects", "sgd", "--show", "--out", "no/such/x.html").startswith(
        "Cannot write 'no/such/x.html'"
    )
    assert shell.refuses("dialects", "sgd", "--show", "--out", ".").startswith("'.' is a directory")


def test_show_fits_80_columns(narrow):
    assert max(map(len, narrow.works("dialects", "sgd", "--show").splitlines()[1:])) <= 80


def test_it_is_plain_and_quick_in_a_pipe(tmp_path):
    told = process("dialects", "lion", cwd=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert max(map(len, told.stdout.splitlines())) <= 80
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize("words", [("--help",), ("dialects", "adam")])
def test_nothing_heavy_is_imported(words, tmp_path):
    script = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from steepest.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'jax', 'numba', 'plotly', 'jinja2', 'torch', 'keras', 'optax', 'polars'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert told.stdout.splitlines()[-1] == "[]"
