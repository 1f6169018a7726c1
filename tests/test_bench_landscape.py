"""The benchmark of landscapes in its short form: its slice is the loss, and its claims are told."""

import jax
import numpy as np
import pytest

from .bench_tools import SHORT


def test_the_slice_that_is_timed_is_of_the_loss(bench):
    script = bench("landscape")
    loss, centre, first, second, batch = script._setting(SHORT)
    assert [layer.weights.shape for layer in centre] == [(784, 128), (128, 64), (64, 10)]
    at = np.linspace(-1, 1, script.side(SHORT))
    by_hand = min(
        float(loss(jax.tree.map(lambda c, u, v, a=a, b=b: c + a * u + b * v, centre, first, second), batch))
        for a in at
        for b in at
    )
    measured = script.slice_(SHORT)
    assert measured["lowest"] == pytest.approx(by_hand, rel=1e-4)
    assert measured["seconds"] > 0
    assert script.loop(SHORT)["seconds"] > 0


def test_it_says_which_claims_hold(bench, monkeypatch, capsys):
    script = bench("landscape")
    measured = {script.SLICE: {"seconds": 9.0}, script.LOOP: {"seconds": 30.0}, script.FIGURES: {"missing": "no room"}}
    monkeypatch.setattr(script, "arguments", lambda rounds: SHORT)
    monkeypatch.setattr(script, "compete", lambda *_: [measured])
    script.main()
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "claim slice-seconds: 9.00 (goal <= 20) holds",
        "claim figures-seconds: not measured: no room",
    ]
