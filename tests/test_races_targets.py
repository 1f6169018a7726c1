"""When a run reaches a loss, and what many such times come to: golden cases by hand."""

import math

import numpy as np
import polars as pl
import pytest

from steepest.races._targets import smoothed, targets, times_to_targets, untrained_loss

INF = math.inf


def race(*rows: tuple) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Runs and curves of rows (optimizer, rate, seed, watched losses from epoch 0, and a stage if not ``confirm``).

    Ten steps an epoch; a run whose losses end in NaN has diverged.
    """
    runs, curves = [], []
    for number, (optimizer, rate, seed, losses, *stage) in enumerate(rows):
        status = "diverged" if math.isnan(losses[-1]) else "ok"
        told = {"run": number, "optimizer": optimizer, "learning_rate": rate, "seed": seed, "status": status}
        runs.append(told | {"stage": (stage or ["confirm"])[0]})
        curves += [
            {"run": number, "epoch": e, "step": 10 * e, "validation_loss": loss} for e, loss in enumerate(losses)
        ]
    return pl.DataFrame(runs), pl.DataFrame(curves)


def seeds_of(optimizer: str, *several: list[float]) -> list[tuple]:
    return [(optimizer, 0.1, seed, losses) for seed, losses in enumerate(several)]


def test_the_middle_of_three_neighbouring_losses_counts():
    """(9 1 8), (1 8 7), (8 7 nothing), (7 nothing nothing) and, beyond the end, (nothing nothing nothing)."""
    losses = np.array([9.0, 1.0, 8.0, 7.0, np.nan, np.inf])
    assert smoothed(losses).tolist() == [8.0, 7.0, 8.0, INF, INF]
    assert smoothed(np.array([9.0])).tolist() == []


def test_targets_are_shares_of_the_drop():
    """From 3 to 1 the drop is 2: 3 - 1, 3 - 1.6, 3 - 1.9 and all of it."""
    found = targets(3.0, 1.0)
    assert [one.share for one in found] == [0.5, 0.8, 0.95, 1.0]
    assert [one.loss for one in found] == pytest.approx([2.0, 1.4, 1.1, 1.0])
    assert found[-1].loss == 1.0


@pytest.mark.parametrize(("untrained", "hardest"), [(1.0, 1.0), (1.0, 2.0), (INF, 1.0), (1.0, INF), (1.0, math.nan)])
def test_where_nothing_drops_there_is_no_target(untrained, hardest):
    assert targets(untrained, hardest) == ()


def test_the_loss_before_training_is_the_median_over_runs():
    _, curves = race(*seeds_of("sgd", [2.0, 1.0], [4.0, 1.0], [math.nan, 1.0], [7.0, 1.0]))
    assert untrained_loss(curves) == 4.0
    assert untrained_loss(curves.clear()) == INF


def test_times_by_hand():
    """All begin at 3. Momentum's smoothed losses: seed 0: 2 1 1 1; seed 1: 3 2 1 1; seed 2: 3 2.5 2 2. Their lowest are
    1, 1 and 2, of which two, more than half, reach 1: the hardest target; half way there is 2.
    Half way is reached after 1, 2 and 3 epochs: a median of 2, 20 steps. 1 is reached after 2, 3 and never: 3.
    SGD's smoothed losses: 3 3 2 2, 3 2 2 3 and 3 3 3 3: half way after 3 epochs, 2 epochs and never."""
    fast = seeds_of("momentum", [3, 2, 1, 1, 1], [3, 3, 2, 1, 1], [3, 3, 2.5, 2, 2])
    slow = seeds_of("sgd", [3, 3, 3, 2, 2], [3, 3, 2, 2, 3], [3, 3, 3, 3, 1])
    found = times_to_targets(*race(*fast, *slow), {"sgd": 0.1, "momentum": 0.1})
    assert (found.baseline, found.seeds) == ("momentum", (0, 1, 2))
    assert [one.loss for one in found.targets] == pytest.approx([2.0, 1.4, 1.1, 1.0])
    half, *_, whole = found.reached["momentum"]
    assert (half.epochs, half.steps) == ((1, 2, 3), (10, 20, 30))
    assert (half.median_epochs, half.median_steps, half.hits) == (2, 20, 3)
    assert (whole.epochs, whole.median_epochs, whole.median_steps, whole.hits) == ((2, 3, INF), 3, 30, 2)
    half, *_, whole = found.reached["sgd"]
    assert (half.epochs, half.median_epochs, half.hits) == ((3, 2, INF), 3, 2)
    assert (whole.epochs, whole.median_steps, whole.hits) == ((INF, INF, INF), INF, 0)


def test_the_share_that_hits_has_its_wilson_interval():
    """Two of three, z = 1.96: centre (2/3 + z^2/6) / (1 + z^2/3) = (0.66667 + 0.64024) / 2.28049 = 0.57308, half width
    z sqrt(2/27 + z^2/36) / 2.28049 = 1.95996 sqrt(0.074074 + 0.106707) / 2.28049 = 0.36542."""
    fast = seeds_of("momentum", [3, 2, 1, 1, 1], [3, 3, 2, 1, 1], [3, 3, 2.5, 2, 2])
    whole = times_to_targets(*race(*fast), {"momentum": 0.1}).reached["momentum"][-1]
    assert (whole.hit_low, whole.hit_high) == pytest.approx((0.57308 - 0.36542, 0.57308 + 0.36542), abs=2e-5)


def test_the_median_s_interval_lies_between_two_seeds():
    """Ten seeds reach 1 after 2, 3, ... 10 epochs and never. The first and last of ten leave 2 / 2^10 of chance,
    the second and ninth (1 + 10) 2 / 2^10 = 2.1 %, the third and eighth 10.9 %, too much: 3 to 10 epochs."""
    late = [[3.0] * epoch + [1.0] * (12 - epoch) for epoch in range(2, 11)]
    never = [3.0] * 12
    reached = times_to_targets(*race(*seeds_of("adam", *late, never)), {"adam": 0.1}).reached["adam"][-1]
    assert (reached.median_epochs, reached.low_steps, reached.high_steps) == (6.5, 30, 100)
    few = times_to_targets(*race(*seeds_of("adam", *late[:5])), {"adam": 0.1}).reached["adam"][-1]
    assert math.isnan(few.low_steps)
    assert math.isnan(few.high_steps)


def test_of_an_even_number_of_runs_more_than_half_reach_the_hardest_target():
    """Lowest losses 1, 2, 3 and 4 from 9: half of them would miss a target of 2.5, in infinite median time."""
    even = seeds_of("adam", *([9.0, 9.0, lowest, lowest] for lowest in (4.0, 2.0, 1.0, 3.0)))
    found = times_to_targets(*race(*even), {"adam": 0.1})
    assert found.targets[-1].loss == 3.0
    assert (found.reached["adam"][-1].hits, found.reached["adam"][-1].median_epochs) == (3, 2)


def test_the_better_of_momentum_and_adam_is_the_baseline_else_the_leader():
    rows = {name: (name, 0.1, 0, [9.0, 5.0, low, low]) for name, low in {"nadam": 1, "adam": 3, "momentum": 2}.items()}
    rates = dict.fromkeys(("nadam", "adam", "momentum"), 0.1)
    assert times_to_targets(*race(*rows.values()), rates).baseline == "momentum"
    assert times_to_targets(*race(rows["nadam"], rows["adam"]), rates).baseline == "adam"
    assert (
        times_to_targets(*race(rows["nadam"], ("sgd", 0.1, 0, [9, 8, 0, 0])), {**rates, "sgd": 0.1}).baseline == "nadam"
    )
    lost = ("momentum", 0.1, 0, [9.0, math.nan])  # no better than before training
    assert times_to_targets(*race(rows["nadam"], lost), rates).baseline == "nadam"


def test_a_loss_reached_before_a_run_diverged_was_reached():
    found = times_to_targets(*race(*seeds_of("adam", [9, 2, 2, math.nan], [9, 2, 2, 2])), {"adam": 0.1})
    assert [one.epochs for one in found.reached["adam"]] == [(1.0, 1.0)] * 4


def test_one_lucky_epoch_reaches_nothing():
    rows = seeds_of("adam", [9, 1, 9, 9, 9, 2, 2])
    assert times_to_targets(*race(*rows), {"adam": 0.1}).reached["adam"][0].epochs == (5.0,)


def test_only_the_fresh_seeds_at_the_recommended_rates_are_told_of():
    usual, tuned = ("adam", 0.3, 5, [9, 8, 8]), ("adam", 0.1, 0, [9, 0, 0], "tune")
    fresh = ("adam", 0.1, 5, [9, 4, 4])
    cut = ("adam", 0.1, 6, [9, 0, 0])  # the usual rate of this seed has not run
    found = times_to_targets(*race(tuned, usual, fresh, cut), {"adam": 0.1})
    assert (found.seeds, found.targets[-1].loss) == ((5,), 4)
    assert times_to_targets(*race(tuned), {"adam": 0.1}).seeds == (0,)  # an unconfirmed race has no others
    assert times_to_targets(*race(tuned), {"sgd": 0.1}) is None
