"""``steepest diagnose``, ``fit --watch`` and ``fit --remedy``: real directories, wrong ones, and what they leave."""

import json

import pytest

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
    assert told["runs"]["0"]["title"] == "The run before the remedy: SGD at 1e-4"


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
    (shell.place / "f" / "curves.parquet").write_bytes(b"no table")
    assert "curves.parquet' is damaged" in shell.refuses("diagnose", "f", "--data", "moved.csv")


def test_without_curves_the_run_is_diagnosed_all_the_same(shell):
    shell.works(*FIT, "--learning-rate", "1e-4", "--out", "bare")
    (shell.place / "bare" / "curves.parquet").unlink()
    said = shell.works("diagnose", "bare", "--quiet")
    assert "Rate too small" in said
    assert "Not told: what other runs there would show" in said
    assert (shell.place / "bare" / "diagnosis.json").is_file()


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
