"""What is checked of a race: baselines to the digit, and findings on tables whose answer is known beforehand."""

import dataclasses
import json
import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import log_loss, root_mean_squared_error
from threadpoolctl import threadpool_limits

import steepest as st
from steepest.data import FeatureEncoder, split
from steepest.problems import Measure
from steepest.races import Baseline, Verdict, baselines, judge, sanity, save_race
from steepest.races import _baselines as module
from steepest.races import _race as race_module

from .cli_tools import Shell

MEAN, LINEAR, TREES = "mean predictor", "linear model", "gradient-boosted trees"
NATS = Measure("loss", "nats")
RAN = {"learning_rates": [1e-2], "seeds": 1, "confirm_seeds": 7}


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


def labelled(weights: bool = False, **counts: int) -> pl.DataFrame:
    """So many rows of each class, with a number that tells nothing; b weighs nine times as much."""
    labels = [label for label, count in counts.items() for _ in range(count)]
    table = pl.DataFrame({"x": np.random.default_rng(0).normal(size=len(labels)), "y": labels})
    return table.with_columns(w=pl.when(pl.col("y") == "b").then(9.0).otherwise(1.0)) if weights else table


def mean_loss(table: pl.DataFrame, weight: str | None = None, **asked: str) -> float:
    problem = st.network(st.read(table, target="y", weight=weight), **asked)
    return baselines(problem, [0])[MEAN].losses[0]


# Of each class a fifth of the rows is for the test and a fifth for validation: of 15 and 5 rows, 9 and 3 train, 3 and 1
# validate.
def test_the_mean_of_two_classes_is_their_frequency():
    # p(b) = 3/12. (3 x -ln 0.75 + 1 x -ln 0.25) / 4 = (0.863046 + 1.386294) / 4
    assert mean_loss(labelled(a=15, b=5)) == pytest.approx(0.562335, abs=1e-6)


def test_the_mean_of_weighted_classes_is_their_share_of_the_weight():
    # p(b) = 27/36. (3 x 1 x -ln 0.25 + 1 x 9 x -ln 0.75) / 12 = (4.158883 + 2.589139) / 12
    assert mean_loss(labelled(weights=True, a=15, b=5), weight="w") == pytest.approx(0.562335, abs=1e-6)


def test_the_mean_of_balanced_classes_is_a_toss():
    # p(b) = 1/2, so every row costs ln 2.
    assert mean_loss(labelled(a=15, b=5), class_weight="balanced") == pytest.approx(math.log(2), abs=1e-6)


def test_the_mean_of_three_classes_is_their_frequency():
    # 6, 3, 3 train and 2, 1, 1 validate: (2 ln 2 + 2 ln 4) / 4
    assert mean_loss(labelled(a=10, b=5, c=5)) == pytest.approx(1.5 * math.log(2), abs=1e-6)


@pytest.fixture(scope="module")
def squares():
    """Rows 0 to 9 with their squares to predict: 0, 1, 3, 7, 8, 9 train, 2 and 5 validate at seed 0."""
    return st.read(pl.DataFrame({"x": range(10), "y": [i * i for i in range(10)]}), target="y", task="regression")


def test_the_mean_of_numbers_is_off_by_its_root_mean_squared_error(squares):
    # mean (0 + 1 + 9 + 49 + 64 + 81) / 6 = 34; errors 4 - 34 = -30 and 25 - 34 = -9; sqrt((900 + 81) / 2)
    assert baselines(st.network(squares), [0])[MEAN].losses[0] == pytest.approx(math.sqrt(490.5), rel=1e-6)


def test_a_huber_loss_is_measured_as_the_networks_is(squares):
    # variance of the six: (34^2 + 33^2 + 25^2 + 15^2 + 30^2 + 47^2) / 6 = 6204 / 6 = 1034, scale 32.16; both errors,
    # 30 and 9, are within one scale, so the loss is half their mean square: 490.5 / 2
    assert baselines(st.network(squares, loss="huber"), [0])[MEAN].losses[0] == pytest.approx(245.25, rel=1e-6)


def parts(table: st.Dataset, seed: int) -> tuple[np.ndarray, ...]:
    """x and y of the training rows and of the validation rows, encoded as a network of that seed sees them."""
    drawn = split(table, seed=seed, test_seed=0)
    encoder = FeatureEncoder().fit(table.features[drawn.train])
    x, v = (encoder.transform(table.features[rows]).astype(np.float64) for rows in (drawn.train, drawn.validation))
    return x, table.target[drawn.train], v, table.target[drawn.validation]


@pytest.fixture
def one_core():
    """As the baselines are trained; on more cores than are free, scikit-learn waits for them, spinning."""
    with threadpool_limits(1):
        yield


@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize("name", ["iris", "breast-cancer"])
def test_classes_are_predicted_as_scikit_learn_does(name):
    table = st.read(name)
    x, y, v, w = parts(table, 4)
    linear = LogisticRegressionCV(
        Cs=[0.01, 0.1, 1, 10, 100], l1_ratios=(0,), cv=3, scoring="neg_log_loss", max_iter=200,
        use_legacy_attributes=False,
    ).fit(x, y)  # fmt: skip
    small = {"max_leaf_nodes": 8, "max_bins": 64} if name == "iris" else {}
    trees = HistGradientBoostingClassifier(early_stopping=True, random_state=4, **small).fit(x, y)
    found = baselines(st.network(table), [4])
    assert found[LINEAR].losses[4] == pytest.approx(log_loss(w, linear.predict_proba(v)), rel=1e-4)
    assert found[TREES].losses[4] == pytest.approx(log_loss(w, trees.predict_proba(v)), rel=1e-4)
    assert (found[TREES].rows, found[TREES].of_rows) == (len(y), len(y))


@pytest.mark.usefixtures("one_core")
def test_numbers_are_predicted_as_scikit_learn_does():
    table = st.read("diabetes")
    x, y, v, w = parts(table, 4)
    z = (y - y.mean()) / y.std()
    found = baselines(st.network(table), [4])
    linear = RidgeCV(np.logspace(-3, 4, 8)).fit(x, y)
    trees = HistGradientBoostingRegressor(early_stopping=True, random_state=4).fit(x, z)
    assert found[LINEAR].losses[4] == pytest.approx(root_mean_squared_error(w, linear.predict(v)), rel=1e-4)
    predicted = trees.predict(v) * y.std() + y.mean()
    assert found[TREES].losses[4] == pytest.approx(root_mean_squared_error(w, predicted), rel=1e-4)


def test_weights_reach_the_linear_model_and_the_trees():
    """Rows of no weight are rows that are not there: they say the opposite of the others."""
    random = np.random.default_rng(0)
    x = random.normal(size=400)
    lies = np.arange(400) % 2 == 1
    table = pl.DataFrame({"x": x, "y": np.where((x > 0) ^ lies, "yes", "no"), "w": np.where(lies, 0.0, 1.0)})
    plain = baselines(st.network(st.read(table.drop("w"), target="y")), [0])
    weighed = baselines(st.network(st.read(table, target="y", weight="w")), [0])
    assert all(plain[name].losses[0] > 0.65 for name in (LINEAR, TREES))
    assert all(weighed[name].losses[0] < 0.3 for name in (LINEAR, TREES))


def test_baselines_do_not_depend_on_how_many_threads_share_the_seeds(monkeypatch):
    problem = st.network(st.read("wine"))
    together = baselines(problem, [0, 1])
    monkeypatch.setattr(module, "workers", lambda: 1)
    assert baselines(problem, [0, 1]) == together
    assert baselines(problem, [1])[TREES].losses == {1: together[TREES].losses[1]}


def test_a_class_of_one_training_row_is_no_obstacle():
    found = baselines(st.network(st.read(labelled(a=30, b=30, c=3), target="y")), [0])
    assert list(found) == [MEAN, LINEAR, TREES]
    assert all(0.5 < one.losses[0] < 5 for one in found.values())


def test_a_large_table_is_sampled_and_every_class_kept(monkeypatch):
    monkeypatch.setattr(module, "_MOST_ROWS", 20)
    found = baselines(st.network(st.read(labelled(a=100, b=100, c=5), target="y")), [0])
    assert [(one.rows, one.of_rows) for one in found.values()] == [(123, 123), (20, 123), (20, 123)]
    assert all(math.isfinite(one.losses[0]) for one in found.values())


@pytest.mark.parametrize("limit", ["_MOST_OUTPUTS", "_MOST_WIDTH"])
def test_a_table_of_too_many_classes_or_features_has_the_mean_alone(monkeypatch, limit):
    monkeypatch.setattr(module, limit, 2)
    assert list(baselines(st.network(st.read("iris")), [0])) == [MEAN]


def test_there_are_no_baselines_where_nothing_is_held_back_or_there_is_no_table():
    assert baselines(st.network(st.read("iris"), validation=0.0), [0]) == {}
    assert baselines(st.Problem(np.ones(2), lambda x: (x**2).sum()), [0]) == {}


Losses = Callable[[int], float]


def raced(own: dict[str, Losses], *, rates: tuple[float, ...] = (0.1, 1.0), seeds: int = 8) -> pl.DataFrame:
    """Runs by hand: each optimizer at each rate on seeds 0 to 2, best at the first, and at that on fresh ones."""
    rows = [
        (name, rate, seed, "tune", "ok", 1.0 + i) for name in own for i, rate in enumerate(rates) for seed in range(3)
    ]
    rows += [(name, rates[0], seed, "confirm", "ok", own[name](seed)) for name in own for seed in range(3, 3 + seeds)]
    names = ("optimizer", "learning_rate", "seed", "stage", "status", "steady_validation_loss")
    return pl.DataFrame(rows, schema=names, orient="row")


def verdict_of(runs: pl.DataFrame) -> Verdict:
    verdict = judge(runs, dict.fromkeys(runs["optimizer"].unique(), 0.1), NATS)
    assert verdict is not None
    return verdict


def inclusions(runs: pl.DataFrame) -> dict[tuple[str, ...], st.races.Finding]:
    found = sanity(runs, verdict_of(runs), NATS, {})
    return {one.between: one for one in found if one.check == "inclusion"}


def test_momentum_behind_sgd_says_that_the_space_was_too_small():
    """On each of 8 seeds 0.1 more: of 2^8 choices of signs two are as extreme, p = 2 / 256; medians 0.565 and 0.465."""
    (found,) = inclusions(raced({"sgd": lambda s: 0.4 + s / 100, "momentum": lambda s: 0.5 + s / 100})).values()
    assert (found.kind, found.between, found.warns) == ("small_space", ("momentum", "sgd"), True)
    decided = {"difference": 0.1, "low": 0.1, "high": 0.1, "p": 2 / 256, "median": 0.565, "other_median": 0.465}
    assert found.numbers == pytest.approx({**decided, "seeds": 8})
    assert found.sentence == (
        "Momentum is worse than SGD, higher by 0.1 (95 % interval 0.1 to 0.1, p = 0.0078, 8 seeds; medians 0.565 and "
        "0.465 nats). Yet with no momentum it is SGD: the space that was searched is too small, so search its momentum "
        "too (--search momentum), and rates beyond its grid."
    )


def test_a_median_that_is_infinite_is_told_as_runs_that_diverged():
    """All of Momentum's runs diverged: how far it is behind is no number."""
    runs = raced({"sgd": lambda s: 0.4 + s / 100, "momentum": lambda s: math.inf})
    found = inclusions(runs)["momentum", "sgd"]
    assert found.kind == "small_space"
    assert found.sentence.startswith(
        "Momentum is worse than SGD (p = 0.0078, 8 seeds; half the runs or more of Momentum diverged). Yet with no "
    )


def test_adam_behind_momentum_names_epsilon_and_b2_and_p_is_holms():
    """Two pairs, each with p = 2 / 256 by itself: Holm doubles both."""
    losses = {"sgd": lambda s: 0.6 + s / 100, "momentum": lambda s: 0.5 + s / 100, "adam": lambda s: 0.7 + s / 100}
    found = inclusions(raced(losses))
    assert [(one.kind, one.numbers["p"]) for one in found.values()] == [("ok", 4 / 256), ("small_space", 4 / 256)]
    assert "epsilon" in found["adam", "momentum"].sentence
    assert "b2" in found["adam", "momentum"].sentence
    assert found["momentum", "sgd"].sentence.startswith("Momentum is better than SGD, lower by 0.1 (95 % interval 0.1 ")


def test_two_pairs_on_six_seeds_are_too_many_for_either_to_be_sure():
    """Each by itself has p = 2 / 2^6 = 0.031; Holm makes that 0.0625, above 5 %."""
    losses = {"sgd": lambda s: 0.5, "momentum": lambda s: 0.6, "adam": lambda s: 0.7}
    found = inclusions(raced(losses, seeds=6))
    assert [(one.kind, one.numbers["p"]) for one in found.values()] == [("undecided", 0.0625)] * 2
    assert inclusions(raced({name: losses[name] for name in ("sgd", "momentum")}, seeds=6))["momentum", "sgd"].warns


@pytest.mark.parametrize(
    ("momentum", "seeds", "kind"),
    [
        # Always above by 0.6 % of the loss, and all that anybody needs is to within 1 %.
        (lambda s: 0.503, 8, "ok"),
        # Above on five seeds of eight, median 0.1: it may be chance.
        (lambda s: 0.6 if s < 8 else 0.45, 8, "undecided"),
        # Five seeds decide nothing: 2 / 2^5 = 0.0625.
        (lambda s: 0.6, 5, "undecided"),
    ],
    ids=["within the margin", "chance", "too few"],
)
def test_no_alarm_is_raised_within_the_margin_or_by_chance(momentum, seeds, kind):
    (found,) = inclusions(raced({"sgd": lambda s: 0.5, "momentum": momentum}, seeds=seeds)).values()
    assert (found.kind, found.warns) == (kind, False)
    assert found.sentence.startswith("Nothing shows Momentum to be worse than SGD, the difference being ")
    assert ("95 % interval" in found.sentence) == (seeds > 5)


def test_one_that_was_not_tuned_or_not_confirmed_is_not_blamed():
    losses = {"sgd": lambda s: 0.5, "momentum": lambda s: 0.9}
    assert inclusions(raced(losses, rates=(0.1,))) == {}
    assert inclusions(raced(losses, seeds=0)) == {}
    assert inclusions(raced({"adam": lambda s: 0.5, "sgd": lambda s: 0.9})) == {}


def beside(losses: Losses, baseline: Baseline) -> st.races.Finding:
    runs = raced({"adam": losses})
    (found,) = (one for one in sanity(runs, verdict_of(runs), NATS, {TREES: baseline}) if one.check == "baseline")
    return found


def test_a_baseline_of_some_rows_says_so_and_is_compared_on_its_own_seeds():
    """On the seven seeds 3 to 9 the network's losses are 0.53 to 0.59 and the trees' half: differences 0.265 to 0.295;
    Hettmansperger and Sheather's interval of seven lies between the first two and the last two, p = 2 / 2^7."""
    trees = Baseline({seed: (0.5 + seed / 100) / 2 for seed in range(3, 10)}, 20, 60)
    found = beside(lambda s: 0.5 + s / 100, trees)
    assert (found.kind, found.between) == ("beaten", ("network", TREES))
    numbers = found.numbers
    assert (numbers["seeds"], numbers["p"], numbers["difference"]) == (7, 2 / 128, pytest.approx(0.28))
    assert 0.265 <= numbers["low"] <= 0.27
    assert 0.29 <= numbers["high"] <= 0.295
    assert found.sentence.startswith(
        "The optimizer is not the problem: the network is worse than the gradient-boosted trees on 20 of 60 rows, "
        "higher by 0.28 (95 % interval "
    )
    assert found.sentence.endswith("or use the gradient-boosted trees.")


def test_a_diverged_run_counts_against_the_network():
    """Worse on all seven seeds, on one of them without end: the median difference is still 0.28."""
    trees = Baseline({seed: (0.5 + seed / 100) / 2 for seed in range(3, 10)}, 60, 60)
    runs = raced({"adam": lambda s: 0.5 + s / 100})
    lost = (pl.col("seed") == 9) & (pl.col("stage") == "confirm")
    runs = runs.with_columns(status=pl.when(lost).then(pl.lit("diverged")).otherwise("status"))
    found = sanity(runs, verdict_of(runs), NATS, {TREES: trees})[-1]
    assert (found.kind, found.numbers["difference"]) == ("beaten", pytest.approx(0.28))


def test_a_constant_metric_is_told():
    runs = raced({"sgd": lambda s: 0.5, "adam": lambda s: 0.5}).with_columns(steady_validation_loss=0.5)
    first = sanity(runs, verdict_of(runs), NATS, {})[0]
    assert (first.check, first.kind) == ("metric", "constant")
    assert first.numbers == {"lowest": 0.5, "highest": 0.5, "runs": 28}
    assert first.sentence.startswith("The validation loss is 0.5 nats in all runs: ")
    by_seed = runs.with_columns(steady_validation_loss=0.5 + pl.col("seed") / 100)
    first = sanity(by_seed, verdict_of(by_seed), NATS, {})[0]
    assert (first.kind, "the same in all runs of a seed (0.5 to 0.6 nats)" in first.sentence) == ("constant", True)
    first = sanity(raced({"sgd": lambda s: 0.5}), verdict_of(runs), NATS, {})[0]
    assert (first.kind, first.sentence) == ("ok", "The validation loss tells runs apart: 1 to 2 nats.")


def test_a_metric_is_not_judged_by_one_run_a_seed():
    runs = raced({"sgd": lambda s: 0.5}, rates=(0.1,))
    assert sanity(runs, verdict_of(runs), NATS, {}) == ()


@pytest.fixture(scope="module")
def steps() -> pl.DataFrame:
    """Thresholds on one of four features, which trees find at once, and two hidden units in two epochs do not."""
    x = np.random.default_rng(0).uniform(size=(400, 4))
    return pl.DataFrame(x, schema=list("abcd")).with_columns(y=(4 * pl.col("a")).floor() % 2 * 10)


@pytest.fixture(scope="module")
def lost(steps):
    problem = st.network(st.read(steps, target="y", task="regression"), hidden=(2,))
    return st.race(problem, ["adam"], epochs=2, **RAN)


def test_where_trees_win_the_optimizer_is_not_the_problem(lost):
    found = {one.between: one for one in lost.sanity if one.check == "baseline"}
    told = found["network", TREES]
    assert (told.kind, told.numbers["seeds"]) == ("beaten", 7)
    assert told.numbers["other_median"] < 2.5 < 4.5 < told.numbers["median"]  # of a target that is 0 or 10
    assert 0 < told.numbers["low"] <= told.numbers["difference"] <= told.numbers["high"]
    assert told.sentence.startswith("The optimizer is not the problem: the network is worse than the gradient-boosted")
    assert told.numbers["other_median"] == pytest.approx(lost.baselines[TREES].median)


def test_where_the_network_wins_nothing_is_wrong():
    """Ridges askew to every axis: a few hidden units are what it is made of."""
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 6))
    table = pl.DataFrame(x, schema=list("abcdef")).with_columns(y=np.abs(x @ random.normal(size=6)))
    problem = st.network(st.read(table, target="y"), hidden=(16,))
    won = st.race(problem, ["adam"], epochs=60, **RAN)
    found = [one for one in won.sanity if one.check == "baseline"]
    assert [one.between[1] for one in found] == [MEAN, LINEAR, TREES]
    assert all(one.kind == "ok" and one.sentence.startswith("The network is better than the ") for one in found)
    assert all(one.numbers["high"] < 0 for one in found)


def test_a_race_keeps_what_was_checked_and_repeats_it_to_the_byte(lost, tmp_path):
    again = st.race(lost.problem, lost.plan)
    written = []
    for place, one in (("one", lost), ("two", again)):
        (tmp_path / place).mkdir()
        save_race(one, tmp_path / place)
        written.append((tmp_path / place / "race.json").read_bytes())
    assert written[0] == written[1]
    told = json.loads(written[0])
    assert [one["kind"] for one in told["sanity"]] == [one.kind for one in lost.sanity]
    assert told["sanity"][-1]["between"] == ["network", TREES]
    trees = told["baselines"][TREES]
    assert trees["losses"] == {str(seed): loss for seed, loss in lost.baselines[TREES].losses.items()}
    assert (list(trees["losses"]), trees["rows"], trees["of_rows"]) == (list("1234567"), 240, 240)


def test_ctrl_c_among_the_baselines_keeps_the_runs(lost, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(race_module, "baselines", interrupted)
    race = st.race(lost.problem, dataclasses.replace(lost.plan, confirm_seeds=lost.plan.confirm_seeds[:2]))
    assert (race.complete, race.baselines, race.sanity) == (False, {}, ())
    assert race.outcome.startswith("Partial, ")
    assert len(race.runs) == 5  # one of the tuning, and two seeds at the chosen rate and at the usual one


def test_the_command_line_tells_what_is_wrong_and_the_best_baseline(shell, steps):
    steps.write_csv(shell.place / "steps.csv")
    out = shell.works(
        *("race", "steps.csv", "--target", "y", "--task", "regression", "--optimizers", "adam", "--learning-rates"),
        *("0.01", "--seeds", "1", "--confirm-seeds", "7", "--epochs", "2", "--hidden", "2", "--quiet"),
    )
    (best,) = (line for line in out.splitlines() if line.startswith("Best baseline: "))
    assert best.startswith("Best baseline: gradient-boosted trees, median ")
    assert best.endswith(" units of 'y' on the same 7 seeds.")
    wrong = [line for line in out.splitlines() if line.startswith("The optimizer is not the problem: ")]
    assert len(wrong) >= 1
    assert "is better than" not in out
    assert "tells runs apart" not in out
