"""The directory that a race and a fit leave: every file, every column, and nothing that JSON does not know."""

import dataclasses
import json
import math
import re

import polars as pl
import pytest

import steepest as st
from steepest.problems import Model
from steepest.races import save_fit, save_race
from steepest.reports import report

RUN_COLUMNS = [
    "run", "optimizer", "learning_rate", "hyperparameters", "seed", "stage", "status", "epochs", "steps", "best_epoch",
    "train_loss", "validation_loss", "best_validation_loss", "steady_validation_loss",
]  # fmt: skip
FILES = {"made.json", "runs.parquet", "curves.parquet", "model"}
CURVE_COLUMNS = ["run", "epoch", "step", "train_loss", "validation_loss"]
SHARED_FACTS = {
    "format", "kind", "steepest", "versions", "spec", "spec_hash", "data", "metric", "partial", "verdict", "model",
}  # fmt: skip


@pytest.fixture(scope="module")
def problem():
    return st.network(st.read("wine"), hidden=(4,))


@pytest.fixture(scope="module")
def raced(problem):
    return st.race(problem, ["sgd"], learning_rates=[0.1, 1e4], seeds=2, confirm_seeds=0, epochs=3)


@pytest.fixture(scope="module")
def directory(raced, tmp_path_factory):
    directory = tmp_path_factory.mktemp("race")
    save_race(raced, directory, "steepest race wine")
    return directory


def facts(directory, name="race.json"):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads((directory / name).read_text(), parse_constant=refuse)


def test_a_race_leaves_its_files_and_no_others(directory):
    assert {path.name for path in directory.iterdir()} == FILES | {"race.json"}
    assert {path.name for path in (directory / "model").iterdir()} == {
        "model.json", "weights.safetensors", "encoder.safetensors",
    }  # fmt: skip


def test_the_tables_are_read_back_as_they_were(raced, directory):
    runs, curves = pl.read_parquet(directory / "runs.parquet"), pl.read_parquet(directory / "curves.parquet")
    assert (runs.columns, curves.columns) == (RUN_COLUMNS, CURVE_COLUMNS)
    assert runs.equals(raced.runs)
    assert curves.equals(raced.curves)
    assert curves.filter(pl.col("epoch") == 0)["run"].to_list() == runs["run"].to_list()


def test_the_facts_tell_what_was_asked_and_what_came_of_it(raced, directory):
    told = facts(directory)
    assert set(told) == SHARED_FACTS | {"baselines", "sanity", "recommendation"}
    assert (told["kind"], told["format"]) == ("race", 2)
    made = facts(directory, "made.json")
    assert set(made) == {"command", "source", "created", "seconds", "step_seconds"}
    assert made["command"] == "steepest race wine"
    assert 0 < made["step_seconds"]["sgd"] < made["seconds"]
    assert told["partial"] is False
    spec = told["spec"]
    assert spec["network"]["hidden"] == [4]
    assert spec["optimizers"] == {"sgd": {}}
    assert spec["learning_rates"] == {"sgd": [0.1, 1e4]}
    assert (spec["seeds"], spec["epochs"], spec["target"]) == ([0, 1], 3, "target")
    assert told["verdict"]["learning_rate"] == 0.1
    assert told["verdict"]["confirmed"] is False
    assert told["data"]["train_rows"] + told["data"]["validation_rows"] + told["data"]["test_rows"] == 178
    assert told["verdict"]["seeds"] == [0, 1]
    model = told["model"]
    best = raced.runs.row(model["run"], named=True)
    assert (best["learning_rate"], best["best_validation_loss"]) == (0.1, model["validation_loss"])
    assert model["test"]["accuracy"] == raced.winner.test["accuracy"]
    assert set(told["versions"]) >= {"python", "jax", "numpy", "polars"}


def test_the_model_on_disk_predicts_as_the_one_in_memory(problem, raced, directory):
    features = problem.table.features
    kept = Model.load(directory).predict_probabilities(features)
    assert (kept == raced.winner.model.predict_probabilities(features)).all()


def test_the_hash_is_of_what_decides_the_results_and_nothing_else(problem, raced, directory, tmp_path):
    def hashed(name, race):
        (tmp_path / name).mkdir()
        save_race(race, tmp_path / name, name)
        return facts(tmp_path / name)["spec_hash"]

    again = st.race(problem, ["sgd"], learning_rates=[0.1, 1e4], seeds=2, confirm_seeds=0, epochs=3)
    other = st.race(problem, ["sgd"], learning_rates=[0.1, 1e4], seeds=[0, 2], confirm_seeds=0, epochs=3)
    assert hashed("again", again) == facts(directory)["spec_hash"]
    assert hashed("other", other) != facts(directory)["spec_hash"]


def test_the_seeds_that_the_verdict_counts_are_kept(raced, tmp_path):
    cut = raced.runs.filter((pl.col("seed") == 0) | (pl.col("learning_rate") == 0.1))
    assert len(cut) == 3
    save_race(dataclasses.replace(raced, runs=cut, complete=False), tmp_path)
    assert facts(tmp_path)["verdict"]["seeds"] == [0]


def test_what_was_not_asked_for_is_told_too(tmp_path):
    """106 training rows of wine are 4 minibatches of 32, and one of all."""
    table = st.read("wine")
    weighed = pl.DataFrame(table.features).with_columns(
        label=pl.Series(table.target.astype(str)), counts=pl.Series([1.0, 2.0] * 89)
    )
    plain = st.network(table, hidden=())
    weighted = st.network(st.read(weighed, target="label", weight="counts", task="multiclass"), hidden=())
    balanced = st.network(table, hidden=(), class_weight="balanced")
    told = {}
    for name, problem, batch in (("plain", plain, None), ("weighted", weighted, "all"), ("balanced", balanced, 32)):
        place = st.save(st.fit(problem, "sgd", epochs=1, batch_size=batch), tmp_path / name)
        told[name] = {**facts(place, "run.json"), "page": report(place).read_text()}
    specs = {name: one["spec"] for name, one in told.items()}
    assert [(one["batch_size"], one["steps_per_epoch"]) for one in specs.values()] == [(32, 4), ("all", 1), (32, 4)]
    assert [one["weight"] for one in specs.values()] == [None, "counts", None]
    assert [one["class_weight"] for one in specs.values()] == [None, None, "balanced"]
    assert [one["metric"]["weighted"] for one in told.values()] == [False, True, True]
    assert ["Every test row counts alike" in one["page"] for one in told.values()] == [False, True, True]


def test_a_race_without_a_verdict_leaves_no_model(problem, tmp_path):
    save_race(st.race(problem, ["sgd"], learning_rates=[1e4], seeds=1, confirm_seeds=0, epochs=2), tmp_path)
    told = facts(tmp_path)
    assert (told["verdict"], told["model"]) == (None, None)
    assert not (tmp_path / "model").exists()
    assert report(tmp_path).read_text().count("diverged")


def test_a_race_of_ones_own_loss_is_kept_and_drawn_too(tmp_path):
    import jax.numpy as jnp

    bowl = st.Problem(init=jnp.ones(2), loss=lambda x: jnp.sum(x**2), name="bowl")
    save_race(st.race(bowl, ["sgd"], learning_rates=[0.1], seeds=1, confirm_seeds=0, epochs=2), tmp_path)
    told = facts(tmp_path)
    assert told["data"] == {"name": "bowl"}
    assert told["spec"]["data"] == "bowl"
    # Each of the two steps keeps 0.8 of x, so 0.64 of the loss 2.
    assert told["model"]["validation_loss"] == pytest.approx(2 * 0.64**2, rel=1e-5)
    page = report(tmp_path).read_text()
    assert "bowl" in page
    assert "The command that repeats it" not in page  # it was called from Python
    assert re.findall(r'data-part="(\w+)"', page) == ["training", "minibatches"]
    assert '"part":"validation"' not in page


def test_a_fit_leaves_the_same_files_with_a_run_json(problem, tmp_path):
    run = st.fit(problem, st.SGD(0.1), epochs=3, seed=1)
    save_fit(run, tmp_path, "steepest fit wine")
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"run.json"}
    told = facts(tmp_path, "run.json")
    assert set(told) == SHARED_FACTS
    assert (told["kind"], told["verdict"], told["partial"]) == ("fit", None, False)
    (row,) = pl.read_parquet(tmp_path / "runs.parquet").rows(named=True)
    assert (row["stage"], row["seed"], row["learning_rate"], row["epochs"]) == ("fit", 1, 0.1, 3)
    assert len(pl.read_parquet(tmp_path / "curves.parquet")) == 4
    assert math.isclose(told["model"]["validation_loss"], row["best_validation_loss"])


def test_an_interrupted_fit_is_marked_partial(problem, tmp_path):
    run = st.fit(problem, st.SGD(0.1), epochs=3, watch=lambda *_: False)
    assert run.status == "interrupted"
    save_fit(run, tmp_path)
    assert facts(tmp_path, "run.json")["partial"] is True
    assert pl.read_parquet(tmp_path / "runs.parquet")["status"].to_list() == ["interrupted"]


def test_python_keeps_a_race_and_a_run_as_the_command_line_does(tmp_path):
    import steepest as st

    problem = st.network(st.read("iris"), hidden=(3,))
    raced = st.race(problem, ["sgd"], learning_rates=[0.1], seeds=1, confirm_seeds=0, epochs=1)
    for name, ended in (("race", raced), ("fit", st.fit(problem, "sgd", epochs=1))):
        page = st.report(st.save(ended, tmp_path / name))
        assert page == tmp_path / name / "report.html"
        assert "SGD" in page.read_text()
        with pytest.raises(st.InputError, match="exists already"):
            st.save(ended, tmp_path / name)
