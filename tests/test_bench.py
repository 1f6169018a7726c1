"""The benchmark scripts in a short form: contestants take the steps they say, claims are judged as they are told."""

import contextlib
import importlib.util
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from .bench_tools import BENCH, SHORT


@pytest.fixture(scope="module")
def work(bench, tmp_path_factory) -> Namespace:
    directory = tmp_path_factory.mktemp("work")
    bench("digits").write(directory)
    return Namespace(**{**vars(SHORT), "work": str(directory)})


def needs(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


# --- claims and ratios


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        (("fast", 4.0, 4), "claim fast: 4.00 (goal >= 4) holds"),
        (("fast", 3.996, 4), "claim fast: 4.00 (goal >= 4) falls short"),
        (("fast", 1234.5, 1.3), "claim fast: 1,230 (goal >= 1.3) holds"),
        (("seconds", 60.5, 60, True), "claim seconds: 60.5 (goal <= 60) falls short"),
        (("none", 0.0, 0, True), "claim none: 0 (goal <= 0) holds"),
        (("worse", -0.0123, -0.01), "claim worse: -0.0123 (goal >= -0.01) falls short"),
        (("nan", float("nan"), 1), "claim nan: nan (goal >= 1) falls short"),
        (("fast", "keras is not installed", 4), "claim fast: not measured: keras is not installed"),
    ],
)
def test_claim_is_one_line(bench, claim, line):
    assert bench("harness").Claim(*claim).line() == line


def test_ratio_is_the_median_of_ratios_within_rounds(bench):
    pace = "steps_per_second"
    # Ratios 2, 10 and 3: their median is 3, where the ratio of the medians would be 20 / 4 = 5.
    rounds = [
        {"us": {pace: 8.0}, "them": {pace: 4.0}},
        {"us": {pace: 20.0}, "them": {pace: 2.0}},
        {"us": {pace: 30.0}, "them": {pace: 10.0}},
    ]
    assert bench("harness").ratio(rounds, "us", "them") == 3.0


def test_a_peer_missing_in_one_round_is_not_measured(bench):
    harness = bench("harness")
    rounds = [{"us": {"steps_per_second": 1.0}, "them": {"steps_per_second": 1.0}}]
    rounds.append({"us": {"steps_per_second": 1.0}, "them": {"missing": "it crashed"}})
    assert harness.ratio(rounds, "us", "them") == "it crashed"
    assert harness.median(rounds, "them", "steps_per_second") is None
    assert "them: not measured: it crashed" in harness.rate_table(rounds, "us")


SCRIPT = """
import os, sys
sys.path.insert(0, {bench!r})
from harness import arguments, compete, rate_table, steady

def absent(given):
    import no_such_library

def dies(given):
    sys.exit("out of luck")

def works(given):
    with open({log!r}, "a") as log:
        log.write(f"{{os.getpid()}}\\n")
    return steady(lambda: 5, given)

print(rate_table(compete(__file__, {{"a": works, "b": works, "gone": absent, "dead": dies}}, arguments(rounds=2)), "a"))
"""


def test_each_contestant_has_a_process_of_its_own_each_round(tmp_path):
    script, log = tmp_path / "script.py", tmp_path / "log"
    script.write_text(SCRIPT.format(bench=str(BENCH), log=str(log)))
    told = subprocess.run([sys.executable, script, "--short"], capture_output=True, text=True, check=True).stdout
    processes = log.read_text().split()
    assert len(processes) == len(set(processes)) == 4
    assert "gone: not measured: No module named 'no_such_library'" in told
    assert "dead: not measured: it ended with code 1: out of luck" in told


def test_run_all_tells_every_claim_again_and_which_script_failed(bench, tmp_path, monkeypatch, capsys):
    run_all = bench("run_all")
    (tmp_path / "good.py").write_text("print('table'); print('claim good: 1 (goal >= 1) holds')")
    (tmp_path / "bad.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(run_all, "__file__", str(tmp_path / "run_all.py"))
    monkeypatch.setattr(run_all, "SCRIPTS", ("good", "bad"))
    monkeypatch.setattr(sys, "argv", ["run_all.py"])
    run_all.main()
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "== all claims",
        "claim good: 1 (goal >= 1) holds",
        "claim bad: not measured: bad.py ended with code 3",
    ]


def test_run_all_runs_every_script_there_is(bench):
    parts = {"harness", "trainers", "digits", "run_all", "tables", "trials", "known_races", "rules", "planted"}
    assert set(bench("run_all").SCRIPTS) == {path.stem for path in BENCH.glob("*.py")} - parts


# --- contestants


@pytest.mark.parametrize("library", ["torch", "sklearn", "optax"])
def test_every_peer_takes_the_steps_of_its_job(bench, work, library):
    needs(library)
    trainers = bench("trainers")
    job = trainers.Job(*bench("digits").read(Path(work.work))[0], (8,), 128, epochs=2)
    if library != "torch":
        assert getattr(trainers, library)(job)() == job.steps == 16
        return
    import torch

    # Two threads of torch's that wait for each other take many seconds where other tests run beside this one.
    threads = torch.get_num_threads()
    try:
        assert trainers.torch(job, threads=1)() == job.steps == 16
    finally:
        torch.set_num_threads(threads)


def test_every_library_has_the_optimizers_it_is_said_to_have(bench):
    from steepest import rules

    trainers = bench("trainers")
    assert all(
        trainers.optimizers_of(library) == list(rules.RULES) for library in ("steepest", "keras", "torch", "optax")
    )
    assert trainers.optimizers_of("sklearn") == ["sgd", "momentum", "nesterov", "adam"]


def test_torch_has_all_nine(bench):
    needs("torch")
    import torch

    trainers = bench("trainers")
    parameters = [torch.nn.Parameter(torch.zeros(1))]
    made = {
        name: trainers._made(torch.optim, "torch", Namespace(optimizer=name), parameters, lr=0.1)
        for name in trainers.optimizers_of("torch")
    }
    assert made["nesterov"].defaults["nesterov"]
    assert made["momentum"].defaults["momentum"] == 0.9
    assert made["sgd"].defaults["momentum"] == 0
    assert [type(made[name]).__name__.lower() for name in list(made)[3:]] == list(made)[3:]


def test_keras_takes_its_steps(work):
    """In a process of its own: a backend is chosen once a process."""
    needs("keras")
    told = subprocess.run(
        [sys.executable, BENCH / "fit_small.py", "--only", "keras, tuned", "--work", work.work, "--short"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert '"first_steps": 32' in told


def test_turns_change_who_goes_first(bench):
    calls: list[str] = []
    taken = bench("harness").turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, warm=1)
    assert "".join(calls) in ("abbaab", "baabba")
    assert [len(times) for times in taken.values()] == [2, 2]


def test_optax_steps_are_told_with_their_memory(bench):
    script = bench("optax_step")
    figures = script._measure("Adam", script.MANY)(SHORT)
    assert figures["steepest"] > 0
    assert figures["memory"] == 1.0
    import optax

    step = script.Step(optax.adam(1e-3), 1, 1024**2)
    assert step.pages() == 4 * 4 * 1024**2 // 4096 + 1  # parameter, gradient, two moments, and a page of scalars


def test_keras_fits_beside_itself(work):
    needs("keras")
    script = [BENCH / "keras_fit.py", "--only", "jax, 64-64-64-10, Adam", "--work", work.work, "--short"]
    told = subprocess.run([sys.executable, *script], capture_output=True, text=True, check=True).stdout
    assert '"ratio": ' in told


# --- what the scripts reckon


def test_operations_of_a_step_are_those_of_its_products(bench):
    """8 products: three of each of the two later layers, two of the first."""
    m = 256
    by_hand = 2 * m * (2 * 784 * 1024 + 3 * 1024 * 1024 + 3 * 1024 * 10)
    assert bench("fit_large").operations_a_step() == by_hand


def test_the_reference_products_are_of_one_matrix(bench, monkeypatch):
    large = bench("fit_large")
    monkeypatch.setattr(large, "SIDE", 8)
    answers = [np.asarray(multiply()) for multiply in large.products().values()]
    assert len(answers) >= 2
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=1e-5, atol=1e-5)


def test_compare_pairs_scores(bench):
    """Differences 0.1 and 0.3: mean 0.2, half-width 12.706 * 0.1414 / sqrt(2)."""
    difference, half_width = bench("quality").compare([(0.6, 0.5), (0.9, 0.6)])
    assert difference == pytest.approx(0.2)
    assert half_width == pytest.approx(1.2706, rel=1e-4)


def test_both_sides_are_scored_on_the_same_rows(bench):
    quality = bench("quality")
    assert quality.theirs("iris", 0) > 0.8  # 30 test rows of three classes: chance is 1/3, a linear rule 0.95
    assert (quality.ours("iris", 0) * 30) % 1 == pytest.approx(0, abs=1e-6)


def test_compilations_are_counted_and_none_happens_for_another_rate(bench):
    compilations = bench("compilations")
    import jax

    first, other = compilations.changes()["learning rate"]
    first()
    with compilations.counted() as count:
        other()
        assert count() == 0
        jax.jit(lambda x: x + 12345)(1.0)
        assert count() >= 1


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        # One change, then the other width: before each `count()` so many have been compiled.
        ([0, 0, 0, 5, 5], "claim no-recompilation: 0 (goal <= 0) holds"),
        ([0, 2, 2, 5, 5], "claim no-recompilation: 2.00 (goal <= 0) falls short"),
        ([1, 1, 1, 5, 5], "claim no-recompilation: not measured: repeating the very same work compiled something (b1)"),
        ([0, 0, 0, 0, 0], "claim no-recompilation: not measured: a new shape was not counted, so nothing would be"),
    ],
)
def test_a_count_that_cannot_be_trusted_is_a_claim_not_measured(bench, monkeypatch, capsys, counts, line):
    compilations = bench("compilations")
    left = iter(counts)
    monkeypatch.setattr(compilations, "counted", lambda: contextlib.nullcontext(lambda: next(left)))
    monkeypatch.setattr(compilations, "changes", lambda: {"b1": (lambda: None, lambda: None)})
    monkeypatch.setattr(compilations.st, "fit", lambda *_, **__: None)
    compilations.main()
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_a_peers_process_is_its_start_and_the_races_steps(bench):
    race_digits = bench("race_digits")
    ours = {"steps_per_second": 100.0, "warm_steps_per_second": 200.0, "steps": 1000, "race_seconds": 10.0}
    rounds = [
        {"steepest": {**ours, "process_seconds": 11.5}, "optax": {"steps_per_second": 50.0, "start_seconds": 3.0}}
    ]
    told = [line.rsplit(maxsplit=2)[1:] for line in race_digits._table(rounds).splitlines()[2:]]
    assert told == [["10.0", "11.5"], ["20.0", "23.0"], ["5.00", "-"]]


def test_a_peers_start_is_its_imports_and_each_compilation_once(bench, work, monkeypatch):
    """The first 7 s are 1 of imports, 2 of compiling and 4 of steps; the second optimizer compiles for 3."""
    race_digits = bench("race_digits")
    measured = iter(
        [
            {"steps_per_second": 10.0, "compile_seconds": 2.0, "process_seconds": 7.0, "first_steps": 40},
            {"steps_per_second": 10.0, "compile_seconds": 3.0, "process_seconds": 99.0, "first_steps": 40},
        ]
    )
    monkeypatch.setattr(race_digits, "steady", lambda *_, **__: next(measured))
    monkeypatch.setattr(race_digits.trainers, "optimizers_of", lambda library: ["sgd", "adam"])
    found = race_digits._peer("optax", lambda job: None)(Namespace(**{**vars(work), "short": False}))
    assert found["start_seconds"] == pytest.approx(1 + 2 + 3)
    assert found["steps_per_second"] == pytest.approx(10.0)


def test_a_short_race_counts_every_step(bench, work):
    steps, seconds = bench("race_digits")._race((0,), work)
    assert steps == 34  # one rule, rate, seed and epoch: 1,078 rows in minibatches of 32
    assert seconds > 0


def test_steepest_takes_the_steps_of_its_job(bench):
    assert bench("fit_rows")._measure(6400, 100, watch_all=False)(SHORT)["first_steps"] == 2


def test_start_up_tells_why_it_failed(bench):
    start_up = bench("start_up")
    assert start_up.seconds(["-c", "raise SystemExit('no')"]) == "no"
    assert 0 < start_up.seconds(["-c", ""]) < 60
