"""The benchmark of diagnoses: cases are what they say, peers' rules fire as published, scores are as by hand."""

import sys
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from steepest.diagnosis import KINDS


@pytest.fixture(scope="module")
def planted(bench):
    return bench("planted")


# --- cases


def test_there_are_as_many_cases_as_promised_on_functions_and_networks_in_both_halves(bench, planted):
    diagnosis = bench("diagnosis")
    every = planted.cases(diagnosis.EACH, diagnosis.ALL_WELL)
    assert set(planted.KINDS) == {*KINDS, "healthy"}
    assert len({case.name for case in every}) == len(every) == 24 * 13 + 150
    for kind, makers in planted.KINDS.items():
        own = [case for case in every if case.kind == kind]
        for half in (True, False):
            assert {case.on for case in own if case.calibrates == half} == set(makers)
            assert {case.maker for case in own if case.calibrates == half} == {
                maker for several in makers.values() for maker in several
            }


def test_a_case_is_the_same_whenever_it_is_made(planted):
    first, again = (planted.cases(1, 1, seed=3)[2] for _ in range(2))
    assert first.kind == "plateau or saturation"
    losses = [case.make().curves["train_loss"].to_list() for case in (first, again)]
    assert losses[0] == losses[1]
    assert first.details == again.details
    other = planted.cases(1, 1, seed=4)[2]
    other.make()
    assert other.details != first.details


def test_a_draw_without_the_trouble_is_drawn_again(planted, monkeypatch):
    oracles = sys.modules["planting.oracles"]
    draws = iter(["it learns", "it learns", None])

    def maker(random):
        refused = next(draws)
        oracles.demand(refused is None, refused)
        return planted.Planted("a run", {"rate": 0.1}, frozenset({"saddle", "dead units"}))

    monkeypatch.setattr(planted, "wrong_rates", lambda run, most: frozenset({"rate too small"}))
    monkeypatch.setattr(planted, "KINDS", {"saddle": {"function": (maker,)}})
    case = planted.cases(1)[0]
    assert case.make() == case.make() == "a run"
    assert case.refused == ["it learns", "it learns"]
    assert case.also == {"dead units", "rate too small"}


def run(levels, status="ok", **columns):
    """A run of these training losses, the first before the first step."""
    curves = pl.DataFrame({"train_loss": levels, "validation_loss": levels, **columns})
    instance = SimpleNamespace(validation=None)
    problem = SimpleNamespace(instances=lambda seeds: [instance])
    return SimpleNamespace(curves=curves, status=status, problem=problem, seed=0)


def test_falling_short_is_told_from_what_could_be_gained(bench):
    oracles = bench("planting.oracles")
    high, low, lost = run([1.0, 0.6, 0.5]), run([1.0, 0.2, 0.1]), run([1.0, 9.0], status="diverged")
    assert oracles.left(high, 0.0) == 0.5
    assert oracles.falls_short(high, low)
    assert not oracles.falls_short(low, high)
    assert not oracles.falls_short(high, low, lowest=0.1 - 0.21)  # 0.21 left of 0.61 is more than a third
    assert not oracles.falls_short(high, low, at_least=0.5)  # 0.4 of 0.9
    assert oracles.falls_short(lost, low)
    assert not oracles.falls_short(high, lost)
    still = run([1.0, 1.0, 1.0])
    assert not oracles.falls_short(still, run([1.0, 1.0, 1.0]))
    assert oracles.falls_short(still, low)
    steep = run([100.0, 0.6, 0.5]), run([100.0, 0.1, 0.1])
    assert not oracles.falls_short(*steep)
    assert oracles.falls_short(*steep, most=1.0)


# --- peers


def history(rules, **changed):
    """A run of ten epochs and two layers in which all is well."""
    falling = np.linspace(1.0, 0.1, 10)
    usual = {
        "loss": falling, "validation": falling, "accuracy": np.linspace(0.3, 0.95, 10), "norms": np.ones((10, 2)),
        "sizes": np.ones((10, 2)), "zeros": np.zeros((10, 2)), "all_zeros": np.zeros(10),
        "finite": np.ones(10, bool), "epochs": 10,
    }  # fmt: skip
    return rules.History(**{**usual, **changed})


# In shares of its mean this varies less and less; a loss that falls by as much a step makes BTTackler call it slow.
GENTLE = 1 / np.arange(1.0, 11.0)


def test_nobody_complains_of_a_run_in_which_all_is_well(bench):
    rules = bench("rules")
    assert rules.autotrainer(history(rules)) == []
    assert rules.bttackler(history(rules, loss=GENTLE, validation=GENTLE)) == []
    assert rules.bttackler(history(rules)) == ["SC"]


@pytest.mark.parametrize(
    ("changed", "label"),
    [
        ({"all_zeros": np.full(10, 0.7), "accuracy": np.full(10, 0.3)}, ["relu"]),
        ({"norms": np.tile([71.0, 1.0], (10, 1)), "accuracy": np.full(10, 0.3)}, ["explode"]),
        ({"norms": np.tile([9e-5, 1.0], (10, 1)), "accuracy": np.full(10, 0.3)}, ["vanish"]),
        ({"norms": np.tile([2e-4, 1.0], (10, 1)), "accuracy": np.full(10, 0.3)}, ["not_converge"]),
        ({"accuracy": np.array([0.7, 0.8] * 5)}, ["unstable"]),
        ({"validation": np.full(10, 1e5)}, ["explode"]),
        ({"finite": np.zeros(10, bool)}, ["explode"]),
        ({"all_zeros": np.full(10, 0.7), "accuracy": np.linspace(0.7, 0.95, 10)}, []),  # it learns all the same
    ],
)
def test_autotrainers_rules(bench, changed, label):
    rules = bench("rules")
    assert rules.autotrainer(history(rules, **changed)) == label


# Wild at first, so that what comes later does not vary more.
ROUGH = np.array([500, 1, 1, 1, 1, 2, 3, 4, 5, 6.0])


@pytest.mark.parametrize(
    ("changed", "label"),
    [
        ({"sizes": np.full((10, 2), 2e4)}, ["EG"]),
        ({"sizes": np.tile([2000.0, 1.0], (10, 1))}, ["EG"]),
        ({"sizes": np.full((10, 2), 1e-6)}, ["VG"]),
        ({"sizes": np.tile([5e-5, 1.0], (10, 1))}, ["VG"]),
        ({"sizes": np.tile([0.0, 1.0], (10, 1))}, ["VG"]),
        ({"zeros": np.full((10, 2), 0.6)}, ["DR"]),
        ({"loss": np.full(10, 0.5)}, ["SC"]),
        ({"loss": ROUGH}, ["HO", "NMG"]),
        ({"finite": np.zeros(10, bool)}, ["EG"]),
    ],
)
def test_bttacklers_rules(bench, changed, label):
    rules = bench("rules")
    assert rules.bttackler(history(rules, **{"loss": GENTLE, "validation": GENTLE, **changed})) == label


def test_a_label_means_what_was_planted_where_it_may(bench):
    rules = bench("rules")
    labels = ["SC", "EG"]
    assert rules.named(labels, rules.BTTACKLER, "plateau or saturation") == [
        "plateau or saturation", "cliff or exploding gradient",
    ]  # fmt: skip
    assert rules.named(labels, rules.BTTACKLER, "saddle")[0] == "rate too small"


def test_a_history_has_a_row_an_epoch_and_a_column_a_layer(bench):
    import steepest as st

    rules = bench("rules")
    trained = st.fit(st.network(st.read("iris"), (8, 8)), st.Adam(0.01), epochs=4, patience=None)
    seen = rules.history(trained)
    assert seen.norms.shape == (4, 3)
    assert seen.loss == pytest.approx(trained.curves["train_loss"].to_numpy()[1:], rel=1e-5)
    assert 0.3 < seen.accuracy[-1] <= 1
    assert (seen.zeros[:, 0] < 1).all()
    assert seen.finite.all()


# --- scores


def record(bench, kind, named, number=1, also=(), peers=()):
    diagnosis = bench("diagnosis")
    said = {diagnosis.OURS: list(named), "AutoTrainer": list(peers), "BTTackler": []}
    return diagnosis.Record(f"{kind} {number}", kind, "function", number, tuple(also), {}, said)


def test_scores_are_as_by_hand(bench):
    diagnosis = bench("diagnosis")
    records = [
        record(bench, "saddle", ["saddle"]),
        record(bench, "saddle", ["saddle", "dead units"], also=["dead units"]),  # comes along: counts neither way
        record(bench, "saddle", []),
        record(bench, "dead units", ["dead units", "saddle"]),
        record(bench, "healthy", ["saddle"]),
        *(record(bench, "healthy", []) for _ in range(3)),
    ]
    own = diagnosis.scores(records, diagnosis.OURS)
    assert own.recall["saddle"] == pytest.approx(2 / 3)
    assert own.precision["saddle"] == pytest.approx(2 / 4)
    assert (own.recall["dead units"], own.precision["dead units"]) == (1.0, 1.0)
    assert own.macro_recall == pytest.approx((2 / 3 + 1) / 2)
    assert own.macro_precision == pytest.approx((1 / 2 + 1) / 2)
    assert own.false_alarms == 0.25
    nobody = diagnosis.scores(records, "AutoTrainer")
    assert (nobody.macro_recall, nobody.macro_precision, nobody.false_alarms) == (0.0, 0.0, 0.0)
    assert [claim.line() for claim in diagnosis.claims(records)] == [
        "claim diagnosis-recall: 0.833 (goal >= 0.85) falls short",
        "claim diagnosis-precision: 0.750 (goal >= 0.85) falls short",
        "claim diagnosis-false-alarms: 0.250 (goal <= 0.05) falls short",
    ]
    lines = diagnosis.confusion(records, diagnosis.OURS).splitlines()
    assert lines[2].split() == ["saddle", "3", "2", "0+1.", "1"]
    assert lines[3].split() == ["dead", "units", "1", "1", "1"]
    assert lines[4].split() == ["healthy", "4", "1", "3"]


def test_batches_hold_every_case_once_and_kinds_apart(bench, planted):
    diagnosis = bench("diagnosis")
    every = planted.cases(3, 30)
    jobs = diagnosis.batches(every, most=4)
    assert sorted(case.name for job in jobs for case in job) == sorted(case.name for case in every)
    assert all(len({(case.kind, case.on) for case in job}) == 1 and len(job) <= 4 for job in jobs)


def test_a_case_that_fails_is_told_and_ends_nothing(bench, planted, monkeypatch):
    diagnosis = bench("diagnosis")
    monkeypatch.setattr(diagnosis, "judged", lambda case: 1 / 0)
    (one,) = diagnosis.told_of(planted.cases(1)[:1])
    assert one.failed == "ZeroDivisionError: division by zero"
    assert diagnosis.scores([one], diagnosis.OURS).recall["saddle"] == 0.0
    assert "saddle 0 failed: ZeroDivisionError" in diagnosis.told([one])


def test_the_short_form_makes_cases_and_asks_everybody(bench, monkeypatch, capsys, tmp_path):
    diagnosis = bench("diagnosis")
    kept = tmp_path / "records.json"
    options = ["--short", "--kinds", "plateau or saturation;rate too small", "--records", str(kept)]
    monkeypatch.setattr(sys, "argv", ["diagnosis.py", *options])
    diagnosis.main()
    told = capsys.readouterr().out
    assert "calibration half, 2 cases" in told
    assert told.splitlines()[-3].startswith("claim diagnosis-recall: ")
    assert kept.read_text().count('"outcome": "') == 2
    assert "failed" not in told.split("claim")[0]
