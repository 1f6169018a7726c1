"""The benchmark of instruments in its short form: every tier takes the steps that training without one does."""

import numpy as np

from steepest.training import Training


def test_every_tier_takes_the_same_steps(bench):
    script = bench("instruments")
    made = script.problem(256)
    (instance,) = made.instances([0])
    ends = {}
    for name, observer in script.TIERS.items():
        settings = script.Settings(epochs=2, batch_size=script.BATCH, patience=None)
        training = Training(made, instance, script.st.Adam(), settings, seed=0, observer=observer)
        training.go(2)
        ends[name] = training.run().curves["train_loss"].to_numpy()
        assert (training.observed is None) == (observer is None)
    np.testing.assert_allclose(ends["economy"], ends["none"], rtol=1e-5)
    np.testing.assert_allclose(ends["per-sample"], ends["none"], rtol=1e-4)
    assert set(script.GOALS) == {"economy", "per-sample"}


def test_an_epoch_goes_on_where_the_last_ended(bench):
    script = bench("instruments")
    epoch = script.stretch(script.problem(256), script.TIERS["economy"])
    assert [epoch() for _ in range(3)] == [1, 2, 3]
