"""``steepest diagnose``, ``fit --watch`` and ``fit --remedy``: real directories, wrong ones, and what they leave."""

import json

import polars as pl
import pytest

import steepest as st
from steepest.cli._reopen import reopen
from steepest.reports import read

from .cli_tools import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


FIT = ("fit", "iris", "--hidden", "4", "--optimizer", "sgd", "--epochs", "6", "--quiet")


def test_a_fit_that_is_too_slow_is_diagnosed_and_kept_beside_it(shell):
    shell.works(*FIT, "--learning-rate", "1e-4", "--out", "slow")
    said = shell.works("diagnose", "slow", "--seconds", "20", "--quiet")
    assert "Rate too small" in said
    assert "It would be refuted so: At a larger rate the run ends no lower." in said
    told = json.loads((shell.place / "slow" / "diagnosis.json").read_text())
    assert [one["name"] for one in told["runs"]["0"]["verdicts"]] == ["rate too small"]
    page = (shell.place / "slow" / "report.html").read_text()
    assert "Why it goes as it does" in page
    assert 'src="data:image/png;base64,' in page
    as_json = json.loads(shell.works("diagnose", "slow", "--json"))
    assert (as_json["run"], as_json["outcome"]) == (0, "troubled")


def test_a_remedy_shows_before_and_after_and_keeps_the_better(shell):
    said = shell.works(*FIT, "--learning-rate", "1e-4", "--remedy", "--watch", "--out", "mended")
    assert "Remedy for rate too small" in said
    assert "It helped: the run after it is kept." in said
    rate = json.loads((shell.place / "mended" / "run.json").read_text())["model"]["learning_rate"]
    assert rate > 1e-4
    told = json.loads((shell.place / "mended" / "diagnosis.json").read_text())
    assert told["runs"]["-1"]["title"] == "The run before the remedy: SGD at 1e-4"


def test_a_race_ends_with_its_winner_and_failures_diagnosed(shell):
    words = ("race", "iris", "--hidden", "4", "--epochs", "6", "--optimizers", "sgd", "--learning-rates", "0.3,1e6")
    said = shell.works(*words, "--seeds", "2", "--confirm-seeds", "0", "--out", "r", "--quiet", "--diagnosis")
    assert "The winner, SGD at 0.3" in said
    assert "One that diverged, SGD at 1000000" in said
    assert "Why runs go as they do" in (shell.place / "r" / "report.html").read_text()
    assert len(json.loads((shell.place / "r" / "diagnosis.json").read_text())["runs"]) == 2


def test_what_cannot_be_diagnosed_is_a_sentence(shell):
    assert "There is no directory 'nowhere'" in shell.refuses("diagnose", "nowhere")
    (shell.place / "empty").mkdir()
    assert "neither race.json nor run.json" in shell.refuses("diagnose", "empty")
    (shell.place / "t.csv").write_text("a,y\n" + "\n".join(f"{i},{i % 2}" for i in range(40)))
    shell.works("fit", "t.csv", "--target", "y", "--hidden", "2", "--epochs", "2", "--quiet", "--out", "f")
    assert "it has no run 7" in shell.refuses("diagnose", "f", "--run", "7").replace("'f' has", "it has")
    assert "--seconds must be positive" in shell.refuses("diagnose", "f", "--seconds", "0")
    (shell.place / "t.csv").rename(shell.place / "moved.csv")
    assert "is there no longer. Give the table by --data" in shell.refuses("diagnose", "f")
    (shell.place / "other.csv").write_text("a,y\n" + "\n".join(f"{i},{i % 3 % 2}" for i in range(40)))
    assert "is not the table that" in shell.refuses("diagnose", "f", "--data", "other.csv")


def test_without_curves_the_run_is_diagnosed_and_drawn_all_the_same(shell):
    shell.works(*FIT, "--learning-rate", "1e-4", "--out", "bare")
    curves = shell.place / "bare" / "curves.parquet"
    whole = pl.read_parquet(curves)
    whole[:1].write_parquet(curves)
    assert "of which it keeps 1 of 7 rows" in shell.works("diagnose", "bare", "--quiet", "--seconds", "5")
    curves.write_bytes(b"no table")
    said = shell.works("diagnose", "bare", "--quiet", "--seconds", "5")
    assert "Rate too small" in said
    assert "Not told: what other runs there would show" in said
    assert (shell.place / "bare" / "diagnosis.json").is_file()
    curves.unlink()
    assert "A plane through the loss" in shell.works("landscape", "bare", "--points", "5", "--out", "l.html")


def test_a_network_that_a_remedy_changed_is_the_one_that_is_trained_again(shell):
    """Weights of scale 60 are mended by those of scale 1: the directory is then of that network."""
    words = ("fit", "iris", "--hidden", "8", "--activation", "tanh", "--scale", "60", "--epochs", "15", "--quiet")
    said = shell.works(*words, "--optimizer", "sgd", "--learning-rate", "0.1", "--remedy", "--out", "ri")
    assert "It helped" in said
    kept = json.loads((shell.place / "ri" / "run.json").read_text())
    assert kept["spec"]["network"]["scale"] == 1
    record = read(shell.place / "ri")
    again = reopen(record, None).run
    assert again.reported_best == pytest.approx(kept["model"]["validation_loss"], rel=1e-5)


def test_a_given_start_is_kept_beside_the_run(shell):
    problem = st.network(st.read("iris"), hidden=(4,))
    warm = st.fit(problem, st.Adam(0.03), epochs=5).last
    run = st.fit(problem, st.Adam(0.03), epochs=5, start=warm)
    st.save(run, shell.place / "warm")
    again = reopen(read(shell.place / "warm"), "iris").run
    assert again.curves["train_loss"][0] == pytest.approx(run.curves["train_loss"][0], rel=1e-5)
    (shell.place / "warm" / "start.safetensors").write_bytes(b"no arrays")
    assert "start.safetensors' is damaged" in shell.refuses("diagnose", "warm", "--data", "iris")


def test_a_loss_that_is_nan_from_the_first_step_is_a_sentence(shell):
    said = shell.works(*FIT, "--scale", "1e30", "--watch", "--out", "nan")
    assert "Cannot tell: the loss is" in said
    assert "before the first step" in said
    assert (shell.place / "nan" / "report.html").is_file()


def test_a_rate_far_beyond_is_too_large_and_mended(shell):
    said = shell.works(*FIT, "--learning-rate", "1e9", "--remedy", "--out", "far")
    assert "Rate too large" in said
    assert "It helped" in said


def test_where_there_is_nothing_to_remedy_that_is_said(shell):
    words = ("fit", "iris", "--hidden", "4", "--learning-rate", "0.03", "--epochs", "30", "--quiet", "--remedy")
    assert "Nothing to remedy: healthy." in shell.works(*words, "--out", "well")


def test_a_finished_training_is_kept_where_its_diagnosis_is_interrupted(shell, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("steepest.cli._fit.diagnosed", interrupted)
    said = shell(*FIT, "--watch", "--out", "kept")
    assert said.code == 130
    assert "Interrupted; the model is kept." in said.out
    assert (shell.place / "kept" / "model").is_dir()


def test_a_damaged_diagnosis_is_told_and_nothing_of_it_is_run(shell):
    shell.works(*FIT, "--out", "d")
    file = shell.place / "d" / "diagnosis.json"
    file.write_text("{")
    assert "'d/diagnosis.json' is damaged" in shell.refuses("report", "d")
    one = {"outcome": "healthy", "sentence": "<script>alert(1)</script>", "verdicts": [], "missing": []}
    file.write_text(json.dumps({"format": 1, "runs": {"0": one | {"picture": {"png": '"><script>', "text": ""}}}}))
    assert "is damaged" in shell.refuses("report", "d")
    file.write_text(json.dumps({"format": 1, "runs": {"0": one}}))
    shell.works("report", "d")
    assert "<script>alert(1)" not in (shell.place / "d" / "report.html").read_text()
    file.write_text(json.dumps({"format": 9, "runs": {}}))
    assert "update steepest" in shell.refuses("report", "d")
