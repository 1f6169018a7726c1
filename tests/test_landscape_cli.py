"""``steepest landscape`` and ``steepest figures``, as a user calls them."""

import json

import polars as pl
import pytest
from PIL import Image

from .cli_tools import TINY, TINY_RACE, Shell


@pytest.fixture
def steepest(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


def test_a_function_is_drawn_with_three_optimizers(steepest):
    said = steepest.works("landscape", "booth", "--steps", "20", "--points", "11")
    for word in ("SGD, rate", "Momentum, rate", "Adam, rate", "Minimum at (1, 3)", "Drawn: landscape-booth.html"):
        assert word in said
    assert (steepest.place / "landscape-booth.html").stat().st_size > 1_000_000


def test_the_optimizers_and_the_file_are_as_asked(steepest):
    said = steepest.works("landscape", "himmelblau", "--optimizers", "nesterov", "--steps", "9", "--points", "11",
                          "--out", "h.gif", "--quiet")  # fmt: skip
    assert "Nesterov, rate" in said
    assert "SGD" not in said
    with Image.open(steepest.place / "h.gif") as film:
        assert film.n_frames > 5
    bare = steepest.works("landscape", "himmelblau", "--optimizers", "none", "--points", "11", "--out", "h.svg")
    assert "rate" not in bare


def test_a_function_of_more_dimensions_is_seen_on_a_plane(steepest):
    said = steepest.works("landscape", "rastrigin", "--dimensions", "4", "--optimizers", "adam", "--steps", "30",
                          "--points", "9", "--out", "r.png")  # fmt: skip
    assert "first principal direction" in said
    assert "of the path's variance" in said


def test_a_fit_is_drawn_along_its_own_path_and_to_another(steepest):
    for seed, name in ((0, "one"), (1, "two")):
        steepest.works("fit", "wine", *TINY, "--seed", seed, "--out", name)
    said = steepest.works("landscape", "one", "--points", "5", "--out", "one.png")
    assert "a network of 4 hidden units" in said
    assert "in 2 epochs" in said
    for directions in ("random", "hessian"):
        steepest.works("landscape", "one", "--directions", directions, "--points", "5", "--out", f"{directions}.svg")
    said = steepest.works("landscape", "one", "--between", "two", "--points", "5", "--out", "b.pdf", "-q")
    assert "straight way between two solutions" in said
    assert {path.name for path in steepest.place.iterdir()} == {
        "one", "two", "one.png", "random.svg", "hessian.svg", "b.pdf",
    }  # fmt: skip


def test_the_drawn_end_of_a_fit_is_its_own_loss(steepest):
    """The last training loss in curves.parquet is a mean over its last epoch's steps: one step, here, is that loss."""
    steepest.works("fit", "iris", "--epochs", "3", "--hidden", "4", "--batch-size", "all", "--out", "one")
    said = steepest.works("landscape", "one", "--points", "3", "--out", "a.svg")
    losses = pl.read_parquet(steepest.place / "one" / "curves.parquet")["train_loss"].to_list()
    assert f"height {losses[0]:.3g}".rstrip("0") in said


def test_a_race_is_drawn_around_its_model(steepest):
    steepest.works("race", "wine", *TINY_RACE, "--out", "r")
    said = steepest.works("landscape", "r", "--points", "5", "--out", "r.png")
    assert "SGD, rate 0.1" in said


def test_a_table_that_moved_is_asked_for(steepest, mixed_csv):
    table = steepest.place / "t.csv"
    table.write_bytes(mixed_csv.read_bytes())
    steepest.works("fit", "t.csv", "--target", "level", *TINY, "--out", "one")
    table.rename(steepest.place / "moved.csv")
    assert "--data" in steepest.refuses("landscape", "one", "--out", "o.png")
    steepest.works("landscape", "one", "--data", "moved.csv", "--points", "3", "--out", "o.png")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rosenbrok",), "Did you mean 'rosenbrock'?"),
        (("booth", "--out", "b.jpg"), "one of .html, .png"),
        (("booth", "--directions", "up"), "Unknown direction 'up'"),
        (("booth", "--directions", "path"), "is drawn whole"),
        (("booth", "--dimensions", "3"), "2 dimensions and no other"),
        (("rastrigin", "--dimensions", "1"), "one parameter"),
        (("rastrigin", "--dimensions", "0"), "dimensions is a whole number"),
        (("booth", "--optimizers", "adm"), "Did you mean 'adam'"),
        (("booth", "--between", "x"), "leave --between out"),
        (("booth", "--data", "x"), "leave --data out"),
        (("booth", "--points", "1"), "points is a whole number"),
        (("booth", "--steps", "0"), "steps is a whole number"),
        (("booth", "--span", "-1"), "span is positive"),
        (("booth", "--rows", "-1"), "rows is a whole number"),
        (("booth", "--optimizers", "none", "--out", "b.gif"), "Nothing moves"),
        ((".",), "holds neither race.json nor run.json"),
    ],
)
def test_a_mistake_is_one_sentence(steepest, words, message):
    assert message in steepest.refuses("landscape", *words)


def test_a_directory_that_is_not_whole_is_one_sentence(steepest):
    steepest.works("fit", "wine", *TINY, "--out", "one")
    for option in ("--dimensions", "--steps"):
        assert f"leave {option} out" in steepest.refuses("landscape", "one", option, "3")
    for option, word in (("--directions", "path"), ("--optimizers", "sgd"), ("--span", "3")):
        assert f"leave {option} out" in steepest.refuses("landscape", "one", "--between", "one", option, word)
    along = ("landscape", "one", "--directions", "random")
    assert "leave --optimizers out" in steepest.refuses(*along, "--optimizers", "sgd")
    assert "Nothing moves along random" in steepest.refuses(*along, "--out", "one.gif")
    file = steepest.place / "one" / "run.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "spec": {**told["spec"], "epochs": "many"}}))
    assert "is damaged" in steepest.refuses("landscape", "one")


def test_figures_are_drawn_by_name(steepest):
    said = steepest.works("figures", "descent", "--out", "f", "--format", "svg")
    assert said.splitlines() == ["descent: Steepest descent", "Drawn: f/index.html"]
    assert sorted(path.name for path in (steepest.place / "f").iterdir()) == ["descent.svg", "index.html"]


@pytest.mark.parametrize(
    ("words", "message"),
    [(("sadle",), "Did you mean 'saddle'"), (("saddle", "--format", "gif"), "Unknown format 'gif'")],
)
def test_an_unknown_figure_is_one_sentence(steepest, words, message):
    assert message in steepest.refuses("figures", *words)
