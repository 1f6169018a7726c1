"""A directory that is missing, foreign or damaged is refused in one sentence, and an older page survives."""

import os

import pytest

from steepest.errors import InputError
from steepest.reports import report

from .report_tables import change, confirmed_directory, fit_directory, race_directory


@pytest.fixture
def race(tmp_path):
    return race_directory(tmp_path / "race", optimizers=("sgd", "adam"), rates=3)


def refused(directory) -> str:
    with pytest.raises(InputError) as caught:
        report(directory)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


def without(*keys):
    def edit(facts):
        part = facts
        for key in keys[:-1]:
            part = part[key]
        del part[keys[-1]]
        return facts

    return edit


def test_a_missing_directory(tmp_path):
    assert "There is no directory" in refused(tmp_path / "nowhere")


def test_a_directory_of_something_else(tmp_path):
    assert "neither race.json nor run.json" in refused(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"kind": "race"}', '{"format": 1, "kind": "fit"}', "null", "[" * 9999]
)
def test_a_race_json_that_is_not_one(race, text):
    (race / "race.json").write_text(text)
    assert "race.json" in refused(race)


def test_bytes_that_are_not_text(race):
    (race / "race.json").write_bytes(b"\xff\xfe\x00")
    assert "damaged" in refused(race)


def test_a_newer_format(race):
    change(race, "race.json", lambda facts: facts | {"format": 3})
    assert "update steepest" in refused(race)


@pytest.mark.parametrize("text", [None, "", "[1]"])
def test_a_race_without_what_was_kept_apart(tmp_path, text):
    race = confirmed_directory(tmp_path / "race", fresh=1)
    (race / "made.json").unlink()
    if text is not None:
        (race / "made.json").write_text(text)
    assert "made.json" in refused(race)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("winners", None, "verdict.winners"),
        ("margin", "1 %", "verdict.margin"),
        ("leaderboard", [1], "verdict.leaderboard. is not an object"),
    ],
)
def test_a_verdict_of_the_wrong_kind(tmp_path, key, value, said):
    race = confirmed_directory(tmp_path / "race", fresh=1)
    change(race, "race.json", lambda facts: facts | {"verdict": facts["verdict"] | {key: value}})
    assert said in refused(race)


def test_a_directory_of_races_is_told_from_a_race(tmp_path):
    race_directory(tmp_path / "wine", optimizers=("adam",), rates=3)
    assert refused(tmp_path) == f"'{tmp_path}' holds the races wine. Give one of them: {tmp_path / 'wine'}."


def test_a_comparison_that_is_not_whole(tmp_path):
    race = confirmed_directory(tmp_path / "race", fresh=1)
    change(race, "race.json", without("verdict", "leaderboard", 1, "comparison", "adjusted"))
    assert "verdict.leaderboard.comparison.adjusted' is missing" in refused(race)


def test_fresh_seeds_that_are_not_the_same_for_all(tmp_path):
    race = confirmed_directory(tmp_path / "race", fresh=2)
    change(race, "runs.parquet", lambda rows: [*rows[:-1], rows[-1] | {"seed": 99}])
    assert "not run on the same fresh seeds" in refused(race)


@pytest.mark.parametrize(
    "keys", [["spec"], ["command"], ["verdict", "sentence"], ["verdict", "leaderboard", 0, "median"]]
)
def test_missing_facts_are_named(race, keys):
    change(race, "race.json", without(*keys))
    assert f"{keys[-1]}' is missing" in refused(race)


def test_facts_of_the_wrong_kind(race):
    change(race, "race.json", lambda facts: facts | {"verdict": facts["verdict"] | {"leaderboard": "adam"}})
    assert "verdict.leaderboard' is of the wrong kind" in refused(race)


@pytest.mark.parametrize("counts", [[[1, 2]], [[1], [2, 3]], [["a", "b", "c"]] * 3, [1, 2, 3], [[{}]]])
def test_a_confusion_matrix_that_is_not_square(race, counts):
    def edit(facts):
        facts["model"]["test"]["confusion"]["counts"] = counts
        return facts

    change(race, "race.json", edit)
    assert "confusion" in refused(race)


@pytest.mark.parametrize(
    "residuals", [{"actual": [1, 2], "predicted": [1]}, {"actual": ["x"], "predicted": [1]}, {"actual": [1]}]
)
def test_residuals_that_do_not_match(tmp_path, residuals):
    assert "residuals" in refused(fit_directory(tmp_path, test={"residuals": residuals}))


@pytest.mark.parametrize("name", ["runs.parquet", "curves.parquet"])
def test_a_table_that_is_missing_or_cut_off(race, name):
    whole = (race / name).read_bytes()
    (race / name).write_bytes(whole[: len(whole) // 2])
    assert name in refused(race)
    (race / name).write_bytes(b"")
    assert name in refused(race)
    (race / name).unlink()
    assert f"{name}' is damaged (it is missing)" in refused(race)


def test_a_table_without_a_column(race):
    change(race, "runs.parquet", lambda rows: [{k: v for k, v in row.items() if k != "status"} for row in rows])
    assert "column 'status' is missing" in refused(race)


def test_a_table_with_words_for_numbers(race):
    change(race, "curves.parquet", lambda rows: [row | {"train_loss": "low"} for row in rows])
    assert "curves.parquet" in refused(race)


@pytest.mark.parametrize(
    ("edit", "said"),
    [({"run": 0}, "stands in it twice"), ({"learning_rate": 0.0}, "not positive"), ({"run": None}, "runs.parquet")],
)
def test_rows_that_cannot_be(race, edit, said):
    change(race, "runs.parquet", lambda rows: [row | edit for row in rows])
    assert said in refused(race)


def test_a_refused_or_failed_report_leaves_the_old_one(race, monkeypatch):
    path = report(race)
    old = path.read_text()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    assert "No space left on device" in refused(race)
    assert path.read_text() == old
    assert sorted(file.name for file in race.iterdir()) == [
        "curves.parquet",
        "race.json",
        "report.html",
        "runs.parquet",
    ]
