"""The budget curve, the times to targets, the sanity checks and the recommendation, as the report shows them."""

import math
import re

import numpy as np
import pytest

from steepest.errors import InputError
from steepest.races import Budget, Reached, Target, TimesToTargets
from steepest.reports import report
from steepest.reports._budgets import budget_chart, budget_table, budgets
from steepest.reports._checks import checks
from steepest.reports._directory import read
from steepest.reports._targets import target_charts, target_table, targets

from .report_tables import change, confirmed_directory, race_directory

ORDER = ["adam", "rmsprop", "sgd"]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return read(confirmed_directory(tmp_path_factory.mktemp("race")))


def named(chart, name):
    return [trace for trace in chart.figure.data if trace.name == name]


def test_the_budget_curve_begins_at_the_mean_of_the_medians_and_falls(record):
    """One trial at random gives the mean over the five rates of the median over their three seeds.

    Where a median is infinite or above it, the loss before training counts.
    """
    found = budgets(record, ORDER)
    runs, curves = record.runs, record.curves
    before = np.median(curves["validation_loss"][curves["epoch"] == 0])
    mine = (runs["optimizer"] == "sgd") & (runs["stage"] == "tune")
    losses = np.where(runs["status"] == "diverged", np.inf, runs["best_validation_loss"])
    medians = [
        np.median(losses[mine & (runs["learning_rate"] == rate)]) for rate in np.unique(runs["learning_rate"][mine])
    ]
    assert found["sgd"].expected[0] == pytest.approx(np.mean(np.minimum(medians, before)))
    chart = budget_chart(record, found, "nats")
    for name in ("Adam", "RMSProp", "SGD"):
        (line,) = named(chart, name)
        assert line.x == (1, 2, 3, 4, 5)
        assert list(line.y) == sorted(line.y, reverse=True)
    assert line.y == pytest.approx(found["sgd"].expected)
    assert len(named(chart, "luck")) == 3


def one_budget(name, *expected):
    return Budget(name, expected[::-1], expected, tuple(x / 2 for x in expected), tuple(2 * x for x in expected))


def test_the_budget_is_told_at_one_three_and_all_trials(record):
    found = {"adam": one_budget("adam", 0.4, 0.2, 0.1, 0.08), "sgd": one_budget("sgd", 0.3, 0.25, 0.2, 0.16)}
    assert budget_chart(record, found, "nats").finding.endswith(
        "after 1 trial SGD, 0.3 (0.15 to 0.6), after 3 trials Adam, 0.1 (0.05 to 0.2) and "
        "after 4 trials Adam, 0.08 (0.04 to 0.16)."
    )
    table = budget_table(found)
    assert table.head == ["Optimizer", "After 1", "After 3", "After 4"]
    assert table.rows[1] == ["SGD", "0.3 (0.15 to 0.6)", "0.2 (0.1 to 0.4)", "0.16 (0.08 to 0.32)"]


def test_many_optimizers_have_no_shades_that_would_hide_one_another(record):
    found = {name: one_budget(name, 0.4, 0.2) for name in ("adam", "sgd", "rmsprop", "nadam")}
    assert not named(budget_chart(record, found, "nats"), "luck")


@pytest.fixture
def reached():
    """Two targets and six seeds; SGD reaches the harder one on four of them, so its median is (120 + 160) / 2."""
    easy, hard = Target(0.5, 0.6), Target(1.0, 0.1)
    steps = {"adam": ((10,) * 6, (40, 60, 80, 20, 40, 60)), "sgd": ((20,) * 6, (80, 120, 160, 100, math.inf, math.inf))}

    def told(name, target, own):
        low, high, hits = min(own), max(own), sum(math.isfinite(one) for one in own)
        middle = float(np.median(own))
        return Reached(name, target, tuple(s / 10 for s in own), own, middle / 10, middle, low, high, hits, 0.3, 0.9)

    own = {name: (told(name, easy, first), told(name, hard, second)) for name, (first, second) in steps.items()}
    return TimesToTargets("adam", (3, 4, 5, 6, 7, 8), (easy, hard), own)


def test_every_run_is_a_mark_at_its_steps_and_a_miss_a_cross_beyond(record, reached):
    easy, hard = target_charts(record, reached, "nats")
    assert (easy.title, hard.title) == ("50 % of the way: 0.6 nats", "The hardest: 0.1 nats")
    assert [trace.x for trace in named(hard, "run")] == [(40, 60, 80, 20, 40, 60), (80, 120, 160, 100)]
    labels = [re.sub(r"<[^>]*>", " ", label).split() for label in hard.figure.layout.yaxis.ticktext]
    assert labels == [["Adam", "6", "of", "6"], ["SGD", "4", "of", "6"]]
    (misses,) = named(hard, "diverged")
    runs = record.runs
    wanted = [runs["run"][(runs["optimizer"] == "sgd") & (runs["seed"] == seed)][0] for seed in (7, 8)]
    assert list(misses.customdata) == wanted
    (strip,) = [shape for shape in hard.figure.layout.shapes if shape.name == "never"]
    assert all(160 < strip.x0 < x < strip.x1 for x in misses.x)
    (bars,) = named(hard, "interval")
    assert bars.x[:3] == (20, 80, None)
    assert bars.x[3] == 80
    assert strip.x0 < bars.x[4] < strip.x1
    (medians,) = named(hard, "median")
    assert medians.x == (50, 140)


def test_times_are_told_with_their_intervals_hits_and_seconds(record, reached):
    said = target_charts(record, reached, "nats")[1].finding
    assert "Adam 50 steps (20 to 80), 6 of 6 (30 to 90 %); SGD 140 steps (80 to never), 4 of 6 (30 to 90 %)." in said
    rows = target_table(reached, "nats", {"sgd": 0.5}).rows
    assert rows[1] == ["Adam", "0.1 (100 %)", "6 of 6 (30 to 90 %)", "5", "50 steps (20 to 80)", "—"]
    assert rows[3] == ["SGD", "0.1 (100 %)", "4 of 6 (30 to 90 %)", "14", "140 steps (80 to ∞)", "70 (40 to ∞)"]


def test_a_real_race_has_four_targets_on_its_fresh_seeds(record):
    found = targets(record)
    assert [target.share for target in found.targets] == [0.5, 0.8, 0.95, 1.0]
    assert found.seeds == tuple(range(3, 11))
    drawn = {run for chart in target_charts(record, found, "nats") for trace in chart.figure.data
             for run in trace.customdata or ()}  # fmt: skip
    assert drawn == set(record.runs["run"][record.fresh].tolist())


def test_a_directory_of_format_1_has_neither(tmp_path):
    old = read(race_directory(tmp_path, optimizers=("adam", "sgd"), rates=3))
    assert budgets(old, ["adam", "sgd"]) == {}
    assert targets(old) is None


def found(check, kind, sentence, *between):
    return {"check": check, "kind": kind, "sentence": sentence, "between": list(between), "numbers": {}}


FINDINGS = [
    found("metric", "ok", "The loss tells runs apart."),
    found("inclusion", "ok", "Momentum is fine.", "momentum", "sgd"),
    found("inclusion", "small_space", "The space is too small.", "adam", "momentum"),
    found("baseline", "undecided", "It may be worse than the linear model.", "network", "linear model"),
    found("baseline", "ok", "It is better than the mean.", "network", "mean predictor"),
    found("baseline", "beaten", "The optimizer is not the problem.", "network", "gradient-boosted trees"),
]


def test_checks_are_sorted_by_what_they_found():
    told = checks({"sanity": FINDINGS})
    assert told.warnings == ["The space is too small.", "The optimizer is not the problem."]
    assert told.open == ["It may be worse than the linear model."]
    assert told.quiet == (
        "3 checks found nothing amiss: whether losses tell runs apart, Momentum beside SGD and "
        "the network beside the mean predictor."
    )
    assert checks({}) is checks({"sanity": []}) is None


def test_the_page_warns_above_everything_and_tells_of_the_rest_below(tmp_path):
    code = {"steepest": "st.Adam()", "torch": "<b>Adam</b>", "keras": "k", "optax": "o"}
    advice = {"sentence": "Adam, anything from 3e-4 to 3e-3 is as good.", "code": code}
    page = report(confirmed_directory(tmp_path, sanity=FINDINGS, recommendation=advice)).read_text(encoding="utf-8")
    warnings = re.search(r'<ul class="warnings".*?</ul>', page, re.S)
    assert warnings[0].count("<li>") == 2
    assert warnings.end() < page.index("</header>") < page.index(advice["sentence"]) < page.index("3 checks found")
    assert re.findall(r"<summary>(Code for \w+)</summary>", page) == [
        "Code for steepest",
        "Code for PyTorch",
        "Code for Keras",
        "Code for optax",
    ]
    assert "<code>&lt;b&gt;Adam&lt;/b&gt;</code>" in page
    assert page.count('class="copy" hidden') == 4
    order = [
        "What to use",
        "Leaderboard",
        "Seed by seed",
        "Learning-rate sensitivity",
        "Budget curve",
        "Time to target",
    ]
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", page)[:6] == order


def test_a_damaged_recommendation_is_refused_in_a_sentence(tmp_path):
    race = confirmed_directory(tmp_path, fresh=1)
    change(race, "race.json", lambda facts: facts | {"recommendation": {"sentence": "Use it."}})
    with pytest.raises(InputError, match="The run directory is damaged"):
        report(race)
