"""The numbers in the figures, against the same numbers computed here from the tables."""

import numpy as np
import pytest

from steepest.pictures import STYLES, styles
from steepest.reports._directory import read
from steepest.reports._losses import chosen_runs, curves, loss_chart, loss_table
from steepest.reports._model import measures, model_charts
from steepest.reports._rates import medians, rate_charts, rate_table
from steepest.reports._scale import log_axis, scale, scores

from .report_tables import NINE, START, change, race_directory


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return read(race_directory(tmp_path_factory.mktemp("race"), optimizers=("adam", "sgd", "adadelta")))


def traces(chart, name):
    return [trace for trace in chart.figure.data if trace.name == name]


def test_the_median_line_is_the_median_with_a_diverged_run_infinitely_bad(record):
    runs = record.runs
    loss = np.where(runs["status"] == "diverged", np.inf, runs["best_validation_loss"])
    chart = rate_charts(record, ["adam", "sgd", "adadelta"], "nats")[1]
    (line,) = traces(chart, "median")
    for rate, drawn in zip(line.x, line.y, strict=True):
        here = (runs["optimizer"] == "sgd") & (runs["learning_rate"] == rate)
        assert here.sum() == 3
        expected = np.median(loss[here])
        assert drawn == (pytest.approx(expected) if expected <= 2 * START * 1.2 else None)
    assert None in line.y
    assert sum(y is not None for y in line.y) > 8


def test_the_median_of_two_seeds_is_infinite_when_one_diverged(tmp_path):
    race_directory(tmp_path, optimizers=("sgd",), rates=1, seeds=2)
    change(tmp_path, "runs.parquet", lambda rows: [rows[0] | {"status": "diverged"}, rows[1]])
    record = read(tmp_path)
    assert medians(record, scores(record), "sgd")[1].tolist() == [np.inf]


def test_each_seed_stands_at_its_own_loss(record):
    chart = rate_charts(record, ["sgd", "adam", "adadelta"], "nats")[0]
    (dots,) = traces(chart, "run")
    runs = record.runs
    mine = (runs["optimizer"] == "sgd") & (runs["status"] != "diverged")
    expected = sorted(zip(runs["learning_rate"][mine], runs["best_validation_loss"][mine], strict=True))
    above = [point for point in expected if point[1] > scale(record, scores(record)).cap]
    assert len(expected) == 34
    assert sorted(zip(dots.x, dots.y, strict=True)) == [point for point in expected if point not in above]


def test_a_hopeless_loss_does_not_stretch_the_axis(tmp_path):
    race_directory(tmp_path, optimizers=("sgd",), rates=5)
    change(tmp_path, "runs.parquet", lambda rows: [rows[0] | {"best_validation_loss": 1e6}, *rows[1:]])
    record = read(tmp_path)
    first = np.median(list(record.curves["validation_loss"][record.curves["epoch"] == 0]))
    shared = scale(record, scores(record))
    assert shared.cap == pytest.approx(2 * first)
    (chart,) = rate_charts(record, ["sgd"], "nats")
    (above,) = traces(chart, "above")
    assert above.x == (record.runs["learning_rate"][0],)
    assert shared.cap < above.y[0] < 10 ** chart.figure.layout.yaxis.range[1]
    assert "1,000,000" in above.hovertext[0] or "1e6" in above.hovertext[0]


def test_diverged_runs_stand_in_the_strip_with_their_count(record):
    chart = rate_charts(record, ["sgd", "adam", "adadelta"], "nats")[0]
    (crosses,) = traces(chart, "diverged")
    assert len(crosses.x) == 5
    assert sorted(text for text in crosses.text if text) == ["2", "3"]
    (strip,) = [shape for shape in chart.figure.layout.shapes if shape.name == "strip"]
    assert all(strip.y0 < y < strip.y1 for y in crosses.y)


def test_all_panels_share_the_loss_axis_and_mark_usual_and_best(record):
    charts = rate_charts(record, ["adam", "sgd", "adadelta"], "nats")
    assert len({chart.figure.layout.yaxis.range for chart in charts}) == 1
    ranks = {rank["optimizer"]: rank for rank in record.verdict["leaderboard"]}
    for chart, optimizer in zip(charts, ("adam", "sgd", "adadelta"), strict=True):
        (ring,) = traces(chart, "best")
        assert (ring.x[0], ring.y[0]) == pytest.approx((ranks[optimizer]["learning_rate"], ranks[optimizer]["median"]))
        (usual,) = [shape for shape in chart.figure.layout.shapes if shape.name == "usual"]
        assert usual.x0 == ranks[optimizer]["usual_learning_rate"]
    assert [len(traces(chart, "comparison")) for chart in charts] == [0, 1, 1]


def test_the_finding_names_the_best_rate_and_the_divergence(record):
    said = rate_charts(record, ["adam", "sgd", "adadelta"], "nats")[0].finding
    best = next(rank for rank in record.verdict["leaderboard"] if rank["optimizer"] == "adam")
    mine = (record.runs["optimizer"] == "adam") & np.isclose(record.runs["learning_rate"], 8.25e-4, rtol=1e-2)
    least, most = (end(record.runs["best_validation_loss"][mine]) for end in (np.min, np.max))
    assert f"lowest, {best['median']:.3g} nats (all 3 seeds: {least:.3g} to {most:.3g}), at 8.25e-4" in said
    assert "5 of 39 runs diverged, at rates from 0.0383 to 0.1" in said


def test_the_table_holds_every_rate(record):
    table = rate_table(record, ["adam", "sgd", "adadelta"])
    assert len(table.rows) == 3 * 13
    assert table.rows[12][2:] == ["∞", "∞, ∞ and ∞", "3 of 3", "no"]


@pytest.mark.parametrize(("loss", "axis"), [(0.0, "log"), (-0.5, "linear")])
def test_a_zero_loss_stands_on_the_floor_and_a_negative_one_makes_the_axis_linear(tmp_path, loss, axis):
    race_directory(tmp_path, optimizers=("sgd",), rates=3)
    record = read(change(tmp_path, "runs.parquet", lambda rows: [rows[0] | {"best_validation_loss": loss}, *rows[1:]]))
    (chart,) = rate_charts(record, ["sgd"], "nats")
    runs = next(trace for trace in chart.figure.data if trace.name == "run")
    assert chart.figure.layout.yaxis.type == axis
    lowest = min(runs.y)
    assert lowest == loss if axis == "linear" else 0 < lowest <= 1e-5 * max(runs.y)


def test_loss_curves_are_those_of_the_best_rate(record):
    found = chosen_runs(record, ["adam"])["adam"]
    best = next(rank["learning_rate"] for rank in record.verdict["leaderboard"] if rank["optimizer"] == "adam")
    assert [record.runs["learning_rate"][record.runs["run"] == run][0] for run in found] == [best] * 3
    drawn = curves(record, found, "validation_loss")
    for run, seed in zip(found, drawn.seeds, strict=True):
        mine = record.curves["run"] == run
        assert seed[np.isfinite(seed)].tolist() == record.curves["validation_loss"][mine].tolist()
    shortest = np.isfinite(drawn.seeds).all(axis=0)
    assert drawn.median[shortest] == pytest.approx(np.median(drawn.seeds[:, shortest], axis=0))


def test_a_run_that_stopped_holds_its_last_loss_in_the_median(tmp_path):
    race_directory(tmp_path, optimizers=("sgd",), rates=1)
    told = {0: [9.0, 5.0], 1: [9.0, 4.0, 3.0, 2.0], 2: [9.0, 6.0, 1.0]}
    rows = [
        {"run": r, "epoch": e, "step": e, "train_loss": x, "validation_loss": x}
        for r in told
        for e, x in enumerate(told[r])
    ]
    change(tmp_path, "curves.parquet", lambda _: rows)
    record = read(change(tmp_path, "runs.parquet", lambda rows: [row | {"status": "stopped"} for row in rows]))
    assert curves(record, np.array([0, 1, 2]), "train_loss").median.tolist() == [9.0, 5.0, 3.0, 2.0]
    record = read(change(tmp_path, "runs.parquet", lambda rows: [row | {"status": "diverged"} for row in rows]))
    np.testing.assert_equal(curves(record, np.array([0, 1, 2]), "train_loss").median, [9.0, 5.0, 3.0, np.nan])


def test_every_seed_is_a_thin_line_beside_the_median(record):
    order = ["adam", "sgd", "adadelta"]
    chart = loss_chart(record, order, "nats")
    thin = [trace for trace in chart.figure.data if trace.meta["seeds"]]
    thick = [trace for trace in chart.figure.data if not trace.meta["seeds"]]
    assert len(thin) == len(thick) == 3 * 2
    assert all(trace.y.count(None) >= 3 for trace in thin)
    assert {trace.line.dash for trace in thick if trace.meta["part"] == "validation"} == {"solid"}
    assert {trace.line.dash for trace in thick if trace.meta["part"] == "training"} == {"dash"}
    assert {label.name for label in chart.figure.layout.annotations} == set(order)
    assert len(loss_table(record, order).head) == 7


def test_training_curves_of_many_optimizers_wait_to_be_asked_for(tmp_path):
    record = read(race_directory(tmp_path, rates=3, seeds=1))
    chart = loss_chart(record, list(NINE), "nats")
    assert {trace.meta["part"] for trace in chart.figure.data if trace.visible is False} == {"training"}
    heights = sorted(label.y for label in chart.figure.layout.annotations)
    assert min(np.diff(heights)) * (440 - 16 - 52) > 14


def test_confusion_is_shaded_by_row_and_counts_are_written():
    test = {"confusion": {"labels": ["a", "b"], "counts": [[3, 1], [0, 0]]}}
    ((chart, table),) = model_charts(test, "y")
    (heat,) = chart.figure.data
    assert [list(row) for row in heat.z] == [[0.75, 0.25], [0.0, 0.0]]
    assert [note.text for note in chart.figure.layout.annotations] == ["3", "1", "0", "0"]
    assert table.rows == [["a", "3", "1"], ["b", "0", "0"]]
    assert chart.finding.endswith(
        "3 of 4 test rows are on the diagonal; the commonest mistake is 'a' taken for 'b', 1 row."
    )


def test_residuals_are_predicted_minus_actual():
    test = {"residuals": {"actual": [1.0, 2.0, 4.0], "predicted": [1.5, 2.0, 3.0]}, "unit": "euros"}
    (both, table), (errors, _) = model_charts(test, "price")
    assert errors.figure.data[0].y == (0.5, 0.0, -1.0)
    assert (both.figure.data[0].x, both.figure.data[0].y) == ((1.5, 2.0, 3.0), (1.0, 2.0, 4.0))
    # Sum of squared errors 1.25, around the mean 14/3: 1 - 1.25 / (14/3) = 0.732.
    assert "73.2 % of their variance" in both.finding
    assert "less than 0.5 euros; the median residual is 0, the largest -1, for a row predicted 3" in errors.finding
    assert table.rows[2] == ["3", "4", "3", "-1"]


def test_measures_name_shares_and_units():
    told = measures({"loss": 0.5, "accuracy": 0.975, "rmse": 12.345, "unit": "euros", "confusion": {}})
    assert told == [("loss", "0.5"), ("accuracy", "97.5 %"), ("root mean squared error, euros", "12.3")]


@pytest.mark.parametrize("limits", [(0.04, 2.2), (0.051, 0.06), (1e-6, 1e6), (3e-4, 30.0), (1.0, 1.05)])
def test_a_logarithmic_axis_has_ticks_inside_its_range(limits):
    axis = log_axis(*limits)
    assert 2 <= len(axis["tickvals"]) <= 13
    assert all(limits[0] <= tick <= limits[1] for tick in axis["tickvals"])
    assert len(axis["ticktext"]) == len(axis["tickvals"])


def test_the_nine_keep_their_look_and_strangers_take_another():
    looks = styles(["mine", "adam", "sgd"])
    assert (looks["sgd"], looks["adam"]) == (STYLES[0], STYLES[6])
    assert looks["mine"] not in (looks["adam"], looks["sgd"])
