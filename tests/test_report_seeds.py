"""What the report says of the fresh seeds: against the same numbers computed here from the tables."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from steepest.reports._differences import Spread, difference_chart, difference_table, spread
from steepest.reports._directory import read
from steepest.reports._format import interval, number
from steepest.reports._fresh import fresh, median_ends
from steepest.reports._leaderboard import chips, leaderboard_rows, median_range
from steepest.reports._losses import chosen_runs, curves, loss_chart, loss_table
from steepest.reports._method import method
from steepest.reports._rates import rate_charts, rate_table
from steepest.reports._runs import embedded_runs
from steepest.reports._strips import strip_chart, strip_table

from .report_tables import change, confirmed_directory, race_directory

ORDER = ["adam", "rmsprop", "sgd"]  # by the losses at the bottom of their parabolas


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return read(confirmed_directory(tmp_path_factory.mktemp("race")))


@pytest.fixture(scope="module")
def seeds(record):
    return fresh(record)


def points(chart, *names):
    """Every mark of the named traces, as {run: (x, y)}."""
    traces = [trace for trace in chart.figure.data if trace.name in names]
    return {run: (x, y) for trace in traces for run, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)}


def test_the_fresh_runs_are_those_of_the_leaderboards_rates_by_seed(record, seeds):
    assert seeds.optimizers == tuple(ORDER)
    assert seeds.seeds == tuple(range(3, 11))
    runs = record.runs
    for row, name in enumerate(ORDER):
        for column, seed in enumerate(seeds.seeds):
            (where,) = np.flatnonzero((runs["optimizer"] == name) & (runs["seed"] == seed))
            assert seeds.runs[row, column] == runs["run"][where]
            assert seeds.losses[row, column] == runs["best_validation_loss"][where]
    assert seeds.differences == pytest.approx(seeds.losses - seeds.losses[0])
    assert seeds.margin == pytest.approx(0.01 * np.median(seeds.losses[0]))


def test_the_medians_of_the_loss_curves_have_their_intervals(record, seeds):
    found = curves(record, seeds.runs[0], "validation_loss")
    low, high = median_ends(found.held[:, 0])
    table = loss_table(record, ORDER)
    assert table.head[1].startswith("Adam at ")
    assert table.rows[0][1] == f"{number(found.median[0])} ({interval(low, high)})"
    at = int(np.nanargmin(found.median))
    low, high = median_ends(found.held[:, at])
    lowest = f"Adam {number(found.median[at])} ({interval(low, high)}) at epoch {found.epochs[at]:g}"
    assert f"is lowest, with its 95 % interval, for: {lowest}" in loss_chart(record, ORDER, "nats").finding


def test_an_unconfirmed_race_has_no_fresh_runs(tmp_path):
    assert fresh(read(race_directory(tmp_path, optimizers=("adam",), rates=3))) is None


def test_every_difference_is_a_mark_at_its_place(record, seeds):
    chart = difference_chart(record, seeds, "nats")
    drawn = points(chart, "run")
    assert len(drawn) == 2 * 8
    for row in (1, 2):
        for run, difference in zip(seeds.runs[row], seeds.differences[row], strict=True):
            assert drawn[run] == (pytest.approx(difference), row - 1)
    (margin,) = [shape for shape in chart.figure.layout.shapes if shape.name == "margin"]
    assert (margin.x0, margin.x1) == pytest.approx((-seeds.margin, seeds.margin))
    (bar,) = [trace for trace in chart.figure.data if trace.name == "interval"]
    ranks = record.verdict["leaderboard"]
    assert bar.x == (*(ranks[1]["comparison"][end] for end in ("low", "high")), None,
                     *(ranks[2]["comparison"][end] for end in ("low", "high")), None)  # fmt: skip
    (medians,) = [trace for trace in chart.figure.data if trace.name == "median"]
    assert medians.x == tuple(rank["comparison"]["median"] for rank in ranks[1:])
    labels = [re.sub(r"<[^>]*>", " ", label).split() for label in chart.figure.layout.yaxis.ticktext]
    assert labels == [["RMSProp", "undecided"], ["SGD", "worse"]]


def test_pointing_at_a_difference_tells_the_seed_and_both_losses(record, seeds):
    chart = difference_chart(record, seeds, "nats")
    said = next(trace for trace in chart.figure.data if trace.name == "run").hovertext[0]
    losses = seeds.losses[:2, 0]
    assert said.startswith(f"RMSProp, seed 3: loss {losses[1]:.3g}<br>Adam on that seed: {losses[0]:.3g}<br>")
    assert f"({100 * (losses[1] - losses[0]) / losses[0]:.3g} %)" in said


def test_the_words_beside_the_differences_have_every_interval(record, seeds):
    said = difference_chart(record, seeds, "nats").finding
    for rank in record.verdict["leaderboard"][1:]:
        beside = rank["comparison"]
        assert f"{beside['median']:+.3g} ({beside['low']:.3g} to {beside['high']:.3g}), {beside['relation']}" in said
    assert len(difference_table(record, seeds).rows) == 2


def test_a_single_optimizer_has_no_differences(tmp_path):
    alone = read(confirmed_directory(tmp_path, optimizers=("adam",)))
    assert difference_chart(alone, fresh(alone), "nats") is None
    assert len(points(strip_chart(alone, fresh(alone), "nats"), "run")) == 8


def test_every_loss_is_a_mark_on_its_strip_and_its_median_a_stroke(record, seeds):
    chart = strip_chart(record, seeds, "nats")
    drawn = points(chart, "run")
    assert len(drawn) == 3 * 8
    for row in range(3):
        assert [drawn[run] for run in seeds.runs[row]] == [(loss, row) for loss in seeds.losses[row]]
    (medians,) = [trace for trace in chart.figure.data if trace.name == "median loss"]
    assert medians.x == pytest.approx(np.median(seeds.losses, axis=1))
    (bars,) = [trace for trace in chart.figure.data if trace.name == "interval"]
    ends = [median_ends(own) for own in seeds.losses]
    assert bars.x == tuple(place for low, high in ends for place in (low, high, None))
    for name, own, (low, high) in zip(("Adam", "RMSProp", "SGD"), seeds.losses, ends, strict=True):
        assert f"{name} {np.median(own):.3g} (95 % interval {low:.3g} to {high:.3g})" in chart.finding
    assert [row[0] for row in strip_table(seeds).rows] == [str(seed) for seed in seeds.seeds]


def test_a_fresh_run_that_diverged_is_a_cross_beyond_the_axis(tmp_path):
    race = confirmed_directory(tmp_path)

    def diverge(rows):
        return [*rows[:-1], rows[-1] | {"status": "diverged", "best_validation_loss": None}]

    record = read(change(race, "runs.parquet", diverge))
    seeds, lost = fresh(record), int(record.runs["run"][-1])
    strips = strip_chart(record, seeds, "nats")
    assert np.isinf(seeds.losses).sum() == 1
    assert list(points(strips, "diverged")) == [lost]
    assert points(strips, "diverged")[lost][0] > max(x for x, _ in points(strips, "run").values())
    assert list(points(difference_chart(record, seeds, "nats"), "diverged")) == [lost]


def test_few_great_differences_bend_the_axis_and_zero_stays_where_it_is(seeds):
    flat = [{"low": -1.0, "high": 1.0, "median": 0.5}] * 2
    assert spread(seeds, flat).unit is None
    tight = [{"low": -1e-3, "high": 2e-3, "median": 1e-3}] * 2
    bent = spread(seeds, tight)  # the greatest difference here is far more than 12 x 0.002
    assert np.abs(seeds.differences).max() > 12 * 2e-3
    assert bent.unit == pytest.approx(max(2e-3 / 4, seeds.margin))
    assert bent.at(0.0) == 0.0
    assert bent.at([-1.0])[0] == -bent.at([1.0])[0]


def test_a_bent_axis_has_powers_of_ten_inside_its_range():
    assert Spread(0.01).ticks(-0.05, 2.0) == [-0.01, 0.0, 0.01, 0.1, 1.0]
    assert Spread(1e-8).ticks(-1e-9, 1.0) == [0.0, 1e-6, 1e-3, 1.0]


def test_the_leaderboard_writes_every_claim_with_its_interval(record, seeds):
    first, second, third = leaderboard_rows(record, ORDER, seeds)
    beside = record.verdict["leaderboard"][1]["comparison"]
    assert (first.recommended, second.recommended) == (True, False)
    assert (first.beside.relation, first.beside.difference, first.beside.interval) == ("leader", "—", "")
    assert second.beside.difference == f"+{beside['median']:.3g}"
    assert second.beside.interval == f"{beside['low']:.2g} to {beside['high']:.2g}"
    assert second.beside[2:] == ("0.08", "75 %", "41 to 93 %", "undecided", "about 7 more")
    assert third.beside.relation == "worse"
    assert [row.step for row in (first, second, third)] == ["10", "20", "30"]  # 1e-5 s a step and its multiples
    assert first.plateau.endswith(f" to {first.learning_rate}")
    assert first.usual_cost == "+0.01 (0.01)"
    assert (first.bar, first.range) == (None, median_range(seeds.losses[0]))


def test_the_interval_of_a_median_keeps_a_run_that_diverged():
    """Of seven, X_1 to X_7 cover in 1 - 2 / 128 = 0.984, X_2 to X_6 in 1 - 2 * 8 / 128 = 0.875 of samples.

    I = (0.984375 - 0.95) / (0.984375 - 0.875) = 0.3143 and l = 6 I / (1 + 5 I) = 0.7333: from 0.267 * 1 + 0.733 * 2.
    """
    assert median_range(np.array([3.0, 1.0, 2.0, np.inf, 4.0, 5.0, 6.0])) == "1.7 to ∞"


@pytest.mark.parametrize(
    ("verdict", "said"),
    [({}, "Not told apart"), ({"decided": True}, "Equal to within 1 %"), ({"winners": ["adam"]}, "Winner")],
)
def test_winners_are_told_with_how_they_stand_to_one_another(record, verdict, said):
    facts = record.facts | {"verdict": record.verdict | verdict}
    words, found = chips(replace(record, facts=facts), ORDER)
    assert words == said
    others = [("RMSProp", False)] if said != "Winner" else []
    assert [(chip.name, chip.recommended) for chip in found] == [("Adam", True), *others]


def test_an_unconfirmed_race_names_no_winners(tmp_path):
    assert chips(read(race_directory(tmp_path, optimizers=("adam",), rates=3)), ["adam"]) == ("", [])


def test_the_method_names_its_tests_seeds_margin_and_overlap(record, seeds):
    told = dict(method(record, seeds))
    assert "n = 8 fresh seeds" in told["Intervals"]
    assert "exact two-sided sign-flip test" in told["Adjusted p"]
    assert "Holm's method for 2 comparisons" in told["Adjusted p"]
    assert f"1 % of the leader's median, {number(seeds.margin)} nats" in told["Worse"]
    assert "Nadeau & Bengio 2003" in told["Overlap"]


def test_dropped_rates_are_hollow_and_leave_the_median_line(record):
    chart = rate_charts(record, ORDER, "nats")[0]
    named = {trace.name: trace for trace in chart.figure.data}
    rates = np.unique(record.runs["learning_rate"][(record.runs["optimizer"] == "adam") & record.tuned])
    assert set(named["dropped"].x) == set(rates[:2])
    assert named["dropped"].marker.symbol == "star-open"
    assert all(text.endswith("dropped after 5 epochs") for text in named["dropped"].hovertext)
    assert named["median"].x == tuple(rates[2:])
    assert named["unended"].x == tuple(rates)
    (band,) = [shape for shape in chart.figure.layout.shapes if shape.name == "plateau"]
    low, high = record.verdict["leaderboard"][0]["plateau"]
    assert band.x0 < low < high < band.x1
    assert "2 rates of 5 dropped on the way" in chart.finding
    assert [row[-1] for row in rate_table(record, ORDER).rows[:3]] == ["after 5 epochs", "after 5 epochs", "no"]


def test_the_panels_show_the_tuning_and_the_loss_curves_the_fresh_runs(record):
    drawn = {run for chart in rate_charts(record, ORDER, "nats") for trace in chart.figure.data
             for run in trace.customdata or ()}  # fmt: skip
    assert drawn == set(record.runs["run"][record.runs["stage"] == "tune"].tolist())
    assert {len(runs) for runs in chosen_runs(record, ORDER).values()} == {8}
    shown = np.concatenate(list(chosen_runs(record, ORDER).values()))
    assert set(record.runs["stage"][np.isin(record.runs["run"], shown)]) == {"confirm"}


def test_every_run_can_be_opened_with_its_curves(record):
    told = json.loads(embedded_runs(record, ORDER, "nats").text)
    assert [line[0] for line in told["runs"]] == record.runs["run"].tolist()
    assert len(told["curves"]) == len(told["runs"]) == 3 * 5 * 3 + 3 * 8
    number, optimizer, _, seed, stage, ended, best, loss = told["runs"][-1]
    assert (told["optimizers"][optimizer], seed, stage, best) == ("SGD", 10, "fresh", record.runs["best_epoch"][-1])
    assert ended == f"stopped after {record.runs['epochs'][-1]:g} epochs"
    assert loss == f"{record.runs['best_validation_loss'][-1]:.3g}"
    epochs, validation, train = told["curves"][str(number)]
    mine = record.curves["run"] == number
    assert epochs is None  # 0, 1, 2, ...
    assert validation == pytest.approx(record.curves["validation_loss"][mine].tolist(), rel=5e-5)
    assert train == pytest.approx(record.curves["train_loss"][mine].tolist(), rel=5e-5)


@pytest.mark.parametrize(("most", "curves"), [(10**6, "all"), (30_000, "fresh"), (1, "none")])
def test_a_page_brings_as_many_curves_as_it_can_carry(record, monkeypatch, most, curves):
    monkeypatch.setattr("steepest.reports._runs.MOST", most)
    told = embedded_runs(record, ORDER, "nats")
    assert told.curves == curves
    wanted = {"all": record.runs["run"], "fresh": record.runs["run"][record.fresh], "none": []}[curves]
    assert set(json.loads(told.text)["curves"]) == {str(run) for run in wanted}


def test_a_long_curve_is_thinned_to_its_own_epochs(tmp_path):
    race_directory(tmp_path, optimizers=("adam",), rates=1, seeds=1)
    rows = [{"run": 0, "epoch": e, "step": e, "train_loss": 1.0, "validation_loss": None} for e in range(1000)]
    told = json.loads(embedded_runs(read(change(tmp_path, "curves.parquet", lambda _: rows)), ["adam"], "nats").text)
    epochs, validation, train = told["curves"]["0"]
    assert (epochs[0], epochs[-1], len(epochs), len(train)) == (0, 999, 200, 200)
    assert set(validation) == {None}
