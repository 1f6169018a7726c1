"""The benchmarks of regret and of time to an answer in a short form, their equations and what they reckon by hand."""

import importlib.util
import json
import math
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from .bench_tools import SHORT


@pytest.fixture(scope="module")
def work(bench, tmp_path_factory) -> Namespace:
    directory = tmp_path_factory.mktemp("work")
    bench("trials").write(directory)
    return Namespace(**{**vars(SHORT), "work": str(directory), "started": time.monotonic()})


# --- the tables


def test_water_flows_through_a_borehole_as_by_hand(bench):
    """ln(r / r_w) = 2; 2 L T_u / (2 r_w^2 K_w) = 30 / 4 = 7.5; T_u / T_l = 1.5: 2 pi 3 4 / (2 (1 + 7.5 + 1.5))."""
    c = {"r_w": 0.5, "r": 0.5 * math.e**2, "T_u": 3.0, "H_u": 10.0, "T_l": 2.0, "H_l": 6.0, "L": 5.0, "K_w": 8.0}
    assert bench("tables").borehole(c) == pytest.approx(1.2 * math.pi)


def test_a_wing_weighs_as_by_hand(bench):
    """A / cos^2 = (1/4) / (1/2)^2 = 1, 100 t_c / cos = 0.5 / (1/2) = 1, the rest 1: 0.036, and 1 of area times 2."""
    tables = bench("tables")
    assert tables.wing_weight({**UNIT_WING, "W_p": 2.0}) == pytest.approx(2.036)


UNIT_WING = {
    "S_w": 1.0, "W_fw": 1.0, "A": 0.25, "sweep": 60.0, "q": 1.0, "taper": 1.0, "t_c": 0.005, "N_z": 1.0, "W_dg": 1.0,
    "W_p": 0.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "power"),
    [
        ("S_w", 0.758), ("W_fw", 0.0035), ("A", 0.6), ("q", 0.006), ("taper", 0.04), ("t_c", -0.3), ("N_z", 0.49),
        ("W_dg", 0.49),
    ],
)  # fmt: skip
def test_a_wings_weight_rises_by_the_powers_of_its_source(bench, column, power):
    doubled = bench("tables").wing_weight({**UNIT_WING, column: 2 * UNIT_WING[column]})
    assert doubled == pytest.approx(0.036 * 2**power)


def test_a_piston_cycles_as_by_hand(bench):
    """gas = 6 2 / 4 = 3; A = 12 + 2 - 2 = 12; V = (2 / 4) (sqrt(144 + 8 3 32/3) - 12) = 4; S^2 gas T_a / V^2 = 8."""
    c = {"M": 2 / 19.62, "S": 2.0, "V_0": 2.0, "k": 2.0, "P_0": 6.0, "T_a": 32 / 3, "T_0": 4.0}
    assert bench("tables").piston(c) == pytest.approx(2 * math.pi * math.sqrt(2 / 19.62 / 10))


def test_the_circuit_is_scikit_learns(bench):
    from sklearn.datasets import make_friedman2

    x, y = make_friedman2(100, noise=0.0, random_state=0)
    tables = bench("tables")
    np.testing.assert_allclose(tables.impedance(dict(zip("RwLC", x.T, strict=True))), y)
    for column, (low, high) in zip(x.T, tables.PROCESSES["impedance"].ranges.values(), strict=True):
        assert low <= column.min() < column.max() <= high


def test_measurements_are_of_the_process_with_little_noise(bench):
    tables = bench("tables")
    for process in tables.PROCESSES.values():
        columns, target = tables.measured(process)
        np.testing.assert_array_equal(target, tables.measured(process)[1])
        for name, (low, high) in process.ranges.items():
            assert low <= columns[name].min() < low + 0.01 * (high - low)
            assert high >= columns[name].max() > high - 0.01 * (high - low)
        exact = process.equation(columns)
        assert (target - exact).std() == pytest.approx(0.05 * exact.std(), rel=0.05)


def test_nine_tables_are_read(bench):
    tables = bench("tables")
    read = [tables.read(name) for name in tables.TABLES]
    assert [one.name for one in read] == list(tables.TABLES)
    assert [one.task for one in read[-5:]] == ["regression"] * 5
    assert len(read) == 9


# --- regret


def test_regret_is_the_median_difference_over_the_best_ones_median(bench):
    """Differences 0.2 (four times), 0.4 (twice), 0.6 and a run that diverged: their median is 0.3."""
    best = np.arange(1.0, 9.0)
    ours = best + np.array([0.2, 0.2, 0.2, 0.2, 0.4, 0.4, 0.6, math.inf])
    middle, low, high = bench("regret").regret(ours, best)
    assert middle == pytest.approx(0.3 / 4.5)
    assert low == pytest.approx(0.2 / 4.5)
    assert 0.6 / 4.5 < high < math.inf


def test_fresh_seeds_are_nobodys_and_more_on_small_tables(bench):
    script = bench("regret")
    assert [len(script.fresh_seeds(rows)) for rows in (150, 1500, 100_000)] == [1000, 100, 100]
    assert not set(script.fresh_seeds(10)) & {*script.ORACLE_SEEDS, *range(100)}


def test_losses_of_choices_are_those_of_a_race(bench):
    import polars as pl

    import steepest as st

    problem = st.network(st.read("iris"), hidden=(64,))
    race = st.race(problem, ["sgd", "adam"], learning_rates=[0.01, 0.1], seeds=[5, 6], confirm_seeds=0, epochs=2)
    choices = [("adam", 0.1), ("sgd", 0.01), ("sgd", 0.1)]
    losses = bench("regret").losses_of(problem, choices, [5, 6], race.plan.settings)
    assert set(losses) == set(choices)
    for (name, rate), own in losses.items():
        rows = race.runs.filter((pl.col("optimizer") == name) & (pl.col("learning_rate") == rate)).sort("seed")
        assert own.tolist() == rows["steady_validation_loss"].to_list()


def test_the_oracle_picks_among_all_rates_and_is_judged_on_fresh_seeds(bench, monkeypatch):
    """The oracle's pick is the lowest mean; on six fresh seeds it loses 2.0 each, and whatever else runs there 2.1."""
    script = bench("regret")
    asked = []

    def losses_of(problem, choices, seeds, settings):
        asked.append((set(choices), list(seeds)))
        best = ("adam", 0.001)
        if len(asked) == 1:
            return {one: np.array([1.0, 1.0 if one == best else 1.2]) for one in asked[0][0]}
        return {one: np.full(6, 2.0 if one == best else 2.1) for one in asked[1][0]}

    monkeypatch.setattr(script, "losses_of", losses_of)
    figures = script._measure("iris")(SHORT)
    # Three rates of each, and as many more as the race extended its grids by: none, since three are what was asked for.
    assert {(name, round(math.log10(rate), 3)) for name, rate in asked[0][0]} == {
        ("sgd", -2.5), ("sgd", -2.0), ("sgd", -1.5), ("adam", -3.5), ("adam", -3.0), ("adam", -2.5),
    }  # fmt: skip
    assert asked[0][1] == list(script.ORACLE_SEEDS[:2])
    assert asked[1][1] == [2000, 2001, 2002, 2003, 2004, 2005]
    assert figures["race_seconds"] > 0
    assert figures["regret"] == pytest.approx(0.05)


NINE = (0.0, 0.002, 0.004, 0.006, 0.008, 0.02, 0.04, -0.03, 0.001)


def _rounds(bench, regrets=NINE):
    tables, command = bench("tables").TABLES, bench("regret").COMMAND
    seconds = {"race_seconds": 10.0, "grid_seconds": 45.0}
    pick = {"ours": ["adam", 0.001], "best": ["sgd", 0.1], "low": -0.01, "high": 0.02, "fresh": 100}
    measured = {name: {**pick, **seconds, "regret": own} for name, own in zip(tables, regrets, strict=False)}
    return [{**measured, command: {"process_seconds": 80.0, "race_seconds": 80.0}}]


def test_claims_of_regret_are_its_median_and_worst(bench):
    assert [one.line() for one in bench("regret").claims(_rounds(bench))] == [
        "claim regret-median: 0.00400 (goal <= 0.01) holds",
        "claim regret-worst: 0.0400 (goal <= 0.05) holds",
        "claim race-vs-full-grid: 4.50 (goal >= 3) holds",
        "claim race-confirmed-seconds: 80.0 (goal <= 90) holds",
    ]


def test_regret_over_some_of_the_tables_is_no_claim(bench):
    lines = [one.line() for one in bench("regret").claims(_rounds(bench, NINE[:8]))]
    assert lines[:2] == [
        "claim regret-median: not measured: impedance did not take part",
        "claim regret-worst: not measured: impedance did not take part",
    ]


def test_the_table_of_regrets_tells_both_picks_and_their_interval(bench):
    told = bench("regret")._table(_rounds(bench)).splitlines()
    assert len(told) == 2 + 9
    assert " ".join(told[3].split()) == "breast-cancer adam 0.001 sgd 0.1 0.00200 -0.0100 to 0.0200 100 10.0 45.0"


# --- early stopping


def _twice(mean=(1.0, 1.0), steps=(30, 40), rates=(0.1, 0.1), winners=("a", "a")):
    """Figures of a race with runs dropped and of the whole one."""
    rows = zip(("early", "whole"), mean, steps, rates, winners, strict=True)
    return {
        way: {"seconds": 1.0, "steps": step, "pick": ["adam", rate], "mean": loss, "winners": list(won)}
        for way, loss, step, rate, won in rows
    }


@pytest.mark.parametrize(
    ("figures", "same"),
    [(_twice(), True), (_twice(rates=(0.1, 0.01)), False), (_twice(winners=("a", "ab")), False)],
    ids=["same", "another-rate", "another-winner"],
)
def test_a_verdict_is_its_pick_and_its_winners(bench, figures, same):
    assert bench("early_stopping").same(figures) is same


def test_both_ways_race_on_the_same_seeds(bench):
    figures = bench("early_stopping").CONTESTANTS["iris"](SHORT)
    early, whole = figures["early"], figures["whole"]
    assert 0 < early["steps"] <= whole["steps"]
    assert early["leader"] in early["winners"]
    assert {early["pick"][0], whole["pick"][0]} <= {"sgd", "adam"}


@pytest.mark.parametrize(
    ("wine", "lines"),
    [
        # Two tables, of which one keeps its verdict; the worst mean is 1.03 / 1.0.
        (
            _twice(mean=(1.03, 1.0), winners=("a", "ab")),
            ["early-same-verdict: 0.500 (goal >= 1) falls short", "early-worst-loss: 1.03 (goal <= 1.01) falls short"],
        ),
        (_twice(), ["early-same-verdict: 1.00 (goal >= 1) holds", "early-worst-loss: 1.00 (goal <= 1.01) holds"]),
        (
            {"missing": "all diverged"},
            [f"{claim}: not measured: wine: all diverged" for claim in ("early-same-verdict", "early-worst-loss")],
        ),
    ],
    ids=["changed", "kept", "no-answer"],
)
def test_claims_of_early_stopping_are_what_was_found(bench, monkeypatch, capsys, wine, lines):
    script = bench("early_stopping")
    monkeypatch.setattr(sys, "argv", ["early_stopping.py"])
    monkeypatch.setattr(script, "compete", lambda *_: [{"iris": _twice(steps=(30, 40)), "wine": wine}])
    script.main()
    told = capsys.readouterr().out.splitlines()
    assert told[-2:] == [f"claim {line}" for line in lines]
    assert " ".join(told[4].split()) == "iris adam 0.1 adam 0.1 1.00 same 0.750 1.00 1.00"


# --- time to an answer


@pytest.mark.parametrize(
    ("regrets", "seconds"),
    [
        ([0.5, 0.02, 0.01], 2.0),
        ([0.01, 0.5, 0.02], 3.0),  # it was there once, and left again
        ([0.01, 0.02, 0.5], math.inf),
        ([0.0, 0.0, 0.0], 1.0),
        ([], math.inf),
    ],
    ids=["found", "left-and-back", "lost", "at-once", "nothing"],
)
def test_an_answer_is_there_when_it_stays(bench, regrets, seconds):
    course = [(float(at), own) for at, own in enumerate(regrets, 1)]
    assert bench("time_to_answer").answered(course, enough=0.02) == seconds


@pytest.mark.parametrize(
    ("found", "limit", "line"),
    [
        (60.0, 150.0, "claim a: 3.00 (goal >= 10) falls short"),
        (240.0, 250.0, "claim a: 12.0 (goal >= 10) holds"),
        (math.inf, 240.0, "claim a: 12.0 (goal >= 10) holds"),
        (
            math.inf,
            150.0,
            "claim a: not measured: nothing as good was found within 150 s, so that 7.50 is a lower bound and not "
            "conclusive",
        ),
    ],
    ids=["slower", "faster", "never-in-ten-times", "never"],
)
def test_a_peer_that_found_nothing_gives_a_lower_bound(bench, found, limit, line):
    assert bench("time_to_answer").claim("a", found, limit, ours=20.0).line() == line


def test_an_incumbent_is_the_best_of_the_trials_that_ended_before(bench):
    completed = [(3.0, "adam", 0.3), (1.0, "sgd", 0.5), (2.0, "sgd", 0.6), (4.0, "nadam", 0.3), (5.0, "adam", 0.1)]
    told = [({"seconds": at, "choice": [name, value]}, value) for at, name, value in completed]
    assert list(bench("time_to_answer").incumbents(told)) == [
        (1.0, ("sgd", 0.5)), (3.0, ("adam", 0.3)), (5.0, ("adam", 0.1)),
    ]  # fmt: skip


@pytest.mark.parametrize(("ours", "seconds"), [(0.0, 7.0), (0.03, 4.0)], ids=["one-per-cent", "ours"])
def test_an_answer_is_as_good_as_ours_or_one_per_cent(bench, ours, seconds):
    script = bench("time_to_answer")
    figures = {
        script.OURS: {"answer": ["adam", 0.1]},
        "peer": {"incumbents": [(2.0, ["sgd", 1.0]), (4.0, ["sgd", 2.0]), (7.0, ["sgd", 3.0])]},
    }
    regrets = {("adam", 0.1): ours, ("sgd", 1.0): 0.2, ("sgd", 2.0): 0.02, ("sgd", 3.0): 0.005}
    assert script._found(figures, "peer", regrets) == seconds


def test_choices_are_judged_beside_the_best_of_them(bench, monkeypatch):
    """Means 2.3, 4.3, 2.6; differences to the first: 0; 3, 2, 1; 0.9, -0.1, 0.1, of which the medians are 2 and 0.1.

    The last has the lowest median, 1.9, and not the lowest mean.
    """
    script = bench("time_to_answer")
    losses = {("adam", 0.1): [1.0, 2.0, 3.9], ("sgd", 0.1): [4.0, 4.0, 4.9], ("sgd", 0.2): [1.9, 1.9, 4.0]}
    asked = {}

    def losses_of(problem, choices, seeds, settings):
        asked.update(
            hidden=problem.network.hidden, seeds=len(seeds), epochs=settings.epochs, patience=settings.patience
        )
        return {one: np.array(losses[one]) for one in choices}

    monkeypatch.setattr(script, "losses_of", losses_of)
    assert script.judged(losses) == pytest.approx({("adam", 0.1): 0.0, ("sgd", 0.1): 1.0, ("sgd", 0.2): 0.05})
    assert asked == {"hidden": (128,), "seeds": 40, "epochs": 100, "patience": 10}


# --- Optuna's trials


def _study():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner())


@pytest.mark.parametrize(
    ("losses", "told", "value"),
    [
        ([3.0, 1.0, *[2.0] * 20], 12, 1.0),  # ten epochs after the best one
        ([3.0, 1.0, math.nan, 0.5], 3, math.inf),
        ([3.0, 2.0], 2, 2.0),
    ],
    ids=["patience", "diverged", "whole"],
)
def test_a_trial_is_stopped_as_a_run_is(bench, work, monkeypatch, losses, told, value):
    trials, study = bench("trials"), _study()
    heard = []

    def train(job, validation, rate, seed, watch):
        for loss in losses:
            heard.append(loss)
            if watch(loss):
                return

    monkeypatch.setitem(trials.TRAIN, "torch", train)
    study.optimize(trials.objective("torch", work), n_trials=1)
    assert len(heard) == told
    assert study.trials[0].value == value


def test_trials_draw_from_the_six_decades_of_a_race(bench, work, monkeypatch):
    trials, study = bench("trials"), _study()
    monkeypatch.setitem(trials.TRAIN, "torch", lambda job, validation, rate, seed, watch: watch(1.0))
    study.optimize(trials.objective("torch", work), n_trials=60)
    usual = json.loads((Path(work.work) / "usual.json").read_text())
    chosen = [one.user_attrs["choice"] for one in study.trials]
    decades = np.array([math.log10(rate / usual[name]) for name, rate in chosen])
    assert {name for name, _ in chosen} == set(usual)
    assert -3 <= decades.min() < -2.5
    assert 2.5 < decades.max() <= 3
    seconds = [one.user_attrs["seconds"] for one in study.trials]
    assert 0 <= seconds[0] < seconds[-1] == max(seconds)


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_a_training_learns_and_tells_each_epoch(bench, work, library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    trials, trainers, digits = bench("trials"), bench("trainers"), bench("digits")
    train, validation = digits.read(Path(work.work))
    losses = []

    def watch(loss):
        losses.append(loss)
        return len(losses) == 3

    job = trainers.Job(*train, (32,), 32, epochs=5, optimizer="adam")
    trials.TRAIN[library](job, validation, 1e-2, 0, watch)
    assert len(losses) == 3
    # Ten classes: a network that knows nothing has a loss of ln 10 = 2.3.
    assert losses[2] < losses[0] < 1


def test_processes_share_a_study(bench, work, tmp_path):
    pytest.importorskip("optuna")
    needed = importlib.util.find_spec("torch")
    if needed is None:
        pytest.skip("torch is not installed")
    trials = bench("trials")
    study = trials.Study("torch", "HyperbandPruner", {"max_resource": 100})
    for worker in (0, 1):
        trials.work(study, str(tmp_path / "study.log"), worker, work)
    ran = trials.opened(study, str(tmp_path / "study.log")).get_trials()
    assert [one.number for one in ran] == [0, 1, 2, 3]
    assert ran[0].params != ran[2].params  # workers sample with seeds of their own
