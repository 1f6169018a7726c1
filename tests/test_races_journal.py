"""A killed race goes on where it was, and ends with the bytes of one that was not killed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import steepest as st
from steepest.files import umask
from steepest.races import Journal, about, grown, plan_race, race, save_race
from steepest.training import Settings

RESULTS = ("race.json", "runs.parquet", "curves.parquet", "model/weights.safetensors", "model/model.json")


@pytest.fixture(scope="module")
def problem():
    return st.network(st.read("iris"), hidden=(4,))


def planned(confirm_seeds=3, **changed):
    asked = {"learning_rates": [0.01, 0.1], "seeds": 2, "settings": Settings(epochs=4)} | changed
    return plan_race(["sgd", "adam"], confirm_seeds=confirm_seeds, **asked)


def raced(problem, plan, place, *, resume=False, killed_after=None):
    """Race into a directory; what is raised after so many runs leaves it as a killed process does."""
    told = []

    class Killed(Exception):
        pass

    with Journal(place, about(problem, plan), resume=resume) as journal:

        def keep(ended):
            journal.write(ended)
            told.append(ended.number)
            if len(told) == killed_after:
                raise Killed

        try:
            ended = race(problem, plan, on_end=keep, known=journal.known)
        except Killed:
            return told
        with journal.results() as new:
            save_race(ended, new)
        journal.finish()
    return told


def contents(place):
    return {name: (Path(place) / name).read_bytes() for name in RESULTS}


@pytest.fixture(scope="module")
def at_once(problem, tmp_path_factory):
    place = tmp_path_factory.mktemp("races") / "whole"
    raced(problem, planned(), place)
    return place


def test_nothing_but_results_is_left(at_once):
    assert sorted(path.name for path in at_once.iterdir()) == [
        "curves.parquet", "made.json", "model", "race.json", "runs.parquet",
    ]  # fmt: skip
    assert (at_once / "model").stat().st_mode & 0o777 == 0o777 & ~umask()


@pytest.mark.parametrize("killed", [(1,), (5,), (8,), (12,), (3, 4, 6)])
def test_a_killed_race_runs_only_what_is_left_and_ends_with_the_same_bytes(problem, at_once, tmp_path, killed):
    place, known = tmp_path / "race", 0
    total = len(pl.read_parquet(at_once / "runs.parquet"))
    for number, after in enumerate(killed):
        told = raced(problem, planned(), place, resume=number > 0, killed_after=after)
        assert len(told) == after
        known += after
        assert not (place / "race.json").exists()
    assert len(raced(problem, planned(), place, resume=True)) == total - known
    assert contents(place) == contents(at_once)


def test_a_race_may_be_interrupted_any_number_of_times(problem, at_once, tmp_path):
    """Each interrupt leaves partial results, a model among them, in the place of those before."""
    place, plan = tmp_path / "race", planned()
    for _ in range(4):
        with Journal(place, about(problem, plan), resume=place.exists()) as journal:
            told = []

            def keep(ended, journal=journal, told=told):
                journal.write(ended)
                told.append(ended)
                if len(told) == 4:
                    raise KeyboardInterrupt

            ended = race(problem, plan, on_end=keep, known=journal.known)
            with journal.results() as new:
                save_race(ended, new)
    raced(problem, plan, place, resume=True)
    assert contents(place) == contents(at_once)


def test_results_without_a_model_leave_none_of_those_before(problem, tmp_path):
    """A second interrupt, or all runs diverged: who then predicts from this directory is not to use an older model."""
    place, plan = tmp_path / "race", planned()
    raced(problem, plan, place)
    assert (place / "model").is_dir()
    with Journal(place, about(problem, plan), resume=True) as journal:
        ended = race(problem, plan, known=journal.known)
        with journal.results() as new:
            save_race(dataclasses.replace(ended, winner=None), new)
    assert json.loads((place / "race.json").read_text())["model"] is None
    assert not (place / "model").exists()


def test_a_line_that_was_cut_short_is_run_again(problem, at_once, tmp_path):
    place = tmp_path / "race"
    raced(problem, planned(), place, killed_after=6)
    lines = place / ".race" / "runs.jsonl"
    lines.write_bytes(lines.read_bytes()[:-40])
    raced(problem, planned(), place, resume=True, killed_after=2)
    assert all(json.loads(line) for line in lines.read_text().splitlines())
    raced(problem, planned(), place, resume=True)
    assert contents(place) == contents(at_once)


def test_added_seeds_are_those_of_having_asked_for_them_at_once(problem, at_once, tmp_path):
    place = tmp_path / "race"
    raced(problem, planned(2), place)
    plan = grown(planned(2), 1, place)
    assert plan == planned(3)
    ran = raced(problem, plan, place, resume=True)
    stages = pl.read_parquet(at_once / "runs.parquet").filter(pl.col("seed") == 4)["stage"]
    assert len(ran) == len(stages)
    assert set(stages) == {"confirm"}
    assert contents(place) == contents(at_once)


def test_a_race_killed_while_seeds_are_added_is_whole_all_the_while(problem, at_once, tmp_path):
    place = tmp_path / "race"
    raced(problem, planned(2), place)
    before = contents(place)
    raced(problem, grown(planned(2), 1, place), place, resume=True, killed_after=1)
    assert contents(place) == before
    raced(problem, grown(planned(2), 1, place), place, resume=True)
    assert contents(place) == contents(at_once)


def test_an_ended_race_may_be_gone_on_with_and_runs_nothing(problem, at_once, tmp_path):
    raced(problem, planned(), tmp_path / "race")
    assert raced(problem, planned(), tmp_path / "race", resume=True) == []
    assert contents(tmp_path / "race") == contents(at_once)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"learning_rates": [0.01, 0.2]}, "learning_rates sgd: [0.01, 0.1] before, [0.01, 0.2] now"),
        ({"settings": Settings(epochs=5)}, "epochs: 4 before, 5 now"),
        ({"confirm_seeds": 2}, "confirm_seeds: [2, 3, 4] before, [2, 3] now"),
        ({"early": False}, "early: True before, False now"),
    ],
    ids=["rates", "epochs", "fewer seeds", "early"],
)
def test_another_race_is_refused_with_the_difference(problem, tmp_path, changed, said):
    raced(problem, planned(), tmp_path / "race", killed_after=2)
    kept = (tmp_path / "race" / ".race" / "runs.jsonl").read_bytes()
    with pytest.raises(st.InputError) as refused:
        raced(problem, planned(**changed), tmp_path / "race", resume=True)
    assert said in str(refused.value)
    assert (tmp_path / "race" / ".race" / "runs.jsonl").read_bytes() == kept


def test_other_data_are_refused(problem, tmp_path):
    raced(problem, planned(), tmp_path / "race", killed_after=2)
    table = st.read("iris")
    rows = pl.DataFrame(table.features).with_columns(target=pl.Series(table.target.astype(str)))
    other = st.network(st.read(rows[1:], target="target"), hidden=(4,))
    with pytest.raises(st.InputError, match=r"holds another race .*the contents of the table"):
        raced(other, planned(), tmp_path / "race", resume=True)


def test_two_races_in_one_directory_at_once_are_refused(problem, tmp_path):
    facts = about(problem, planned())
    with Journal(tmp_path / "race", facts):
        for resume in (False, True):
            with pytest.raises(st.InputError, match=r"exists already|Another race is running"):
                Journal(tmp_path / "race", facts, resume=resume).__enter__()
        assert (tmp_path / "race" / ".race" / "spec.json").exists()
    assert list(tmp_path.iterdir()) == []  # nothing ended, so nothing is left


@pytest.mark.parametrize("there", ["nothing", "a file", "another folder"])
def test_there_must_be_a_race_to_go_on_with(problem, tmp_path, there):
    place = tmp_path / "race"
    if there == "a file":
        place.write_text("kept")
    elif there == "another folder":
        place.mkdir()
        (place / "precious.txt").write_text("kept")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(st.InputError, match="no race"):
        raced(problem, planned(), place, resume=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    with pytest.raises(st.InputError, match=r"is not there"):
        grown(planned(), 1, place)


@pytest.mark.parametrize("damage", ["race.json", "runs.parquet", "curves.parquet"])
def test_a_damaged_race_is_refused_with_a_sentence(problem, tmp_path, damage):
    place = tmp_path / "race"
    raced(problem, planned(), place)
    (place / damage).write_bytes(b"damaged")
    with pytest.raises(st.InputError, match=r"damaged .*another --out"):
        raced(problem, planned(), place, resume=True)


def test_seeds_are_added_to_what_has_ended(problem, tmp_path):
    raced(problem, planned(), tmp_path / "race", killed_after=2)
    with pytest.raises(st.InputError, match="has not ended: end it with --resume first"):
        grown(planned(), 5, tmp_path / "race")


def test_an_interrupted_run_is_not_kept(problem, tmp_path):
    with Journal(tmp_path / "race", about(problem, planned())) as journal:
        ended = race(problem, dataclasses.replace(planned(), confirm_seeds=()))
        assert len(ended.runs) == 8
        raised = []

        def interrupt(one):
            raised.append(one)
            raise KeyboardInterrupt

        cut = race(problem, planned(), on_end=interrupt)
        assert not cut.complete
        journal.write(raised[0]._replace(row={**raised[0].row, "status": "interrupted"}))
    assert list(tmp_path.iterdir()) == []


def test_a_process_killed_outright_goes_on_from_its_directory(tmp_path):
    """SIGKILL, which no program can hear, amid the tuning; the next call ends the race with the bytes of another."""
    asked = "race iris --no-diagnosis --hidden 8 --learning-rates 5 --seeds 2 --confirm-seeds 6 --optimizers sgd,adam"
    command = [sys.executable, "-m", "steepest", *asked.split(), "--quiet"]
    subprocess.run([*command, "--out", "whole"], cwd=tmp_path, check=True, capture_output=True)
    journal = tmp_path / "race" / ".race" / "runs.jsonl"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, "--out", "race"], cwd=tmp_path, **quiet)
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 12):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert journal.exists(), "it ended before it was killed"
    subprocess.run([*command, "--out", "race", "--resume"], cwd=tmp_path, check=True, capture_output=True)
    assert contents(tmp_path / "race") == contents(tmp_path / "whole")
    assert not os.path.exists(tmp_path / "race" / ".race")


def test_a_damaged_table_of_an_ended_race_is_refused_in_a_sentence(problem, tmp_path):
    st.save(race(problem, planned()), tmp_path / "race")
    pl.DataFrame({"run": [7]}).write_parquet(tmp_path / "race" / "curves.parquet")
    with (
        pytest.raises(st.InputError, match="is damaged"),
        Journal(tmp_path / "race", about(problem, planned()), resume=True),
    ):
        pass
