"""Race every optimizer over learning rates and seeds on one problem."""

import dataclasses
import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import polars as pl

from ..optimizer import Optimizer
from ..problems import Minimised, Model, NetworkProblem, check_minimised
from ..rules import Rule, proper_name
from ..training import Run, Settings, fit_instance, steps_per_epoch
from ._execute import Ended, execute
from ._plan import Plan, plan_race, seconds_at_most
from ._together import together
from ._verdict import Verdict, judge, rate

RUN_SCHEMA = {
    "run": pl.Int32,
    "optimizer": pl.String,
    "learning_rate": pl.Float64,
    "seed": pl.Int64,
    "stage": pl.String,
    "status": pl.String,
    "epochs": pl.Int32,
    "steps": pl.Int64,
    "best_epoch": pl.Int32,
    "train_loss": pl.Float64,
    "validation_loss": pl.Float64,
    "best_validation_loss": pl.Float64,
    "steady_validation_loss": pl.Float64,
    "seconds": pl.Float64,
}


class Winner(NamedTuple):
    """The recommended optimizer's run with the lowest validation loss: its number, the run, and its test metrics."""

    number: int
    run: Run
    model: Model | None
    test: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Race:
    """A race, ended.

    runs: a row a run.  curves: a row an epoch of a run.
    verdict: None where no learning rate can be recommended; ``outcome`` says why.
    winner: the recommended run, trained again with its parameters kept; None where there is no verdict.
    complete: False where the race was interrupted.  seconds: wall time of everything.
    """

    problem: Minimised
    plan: Plan
    runs: pl.DataFrame
    curves: pl.DataFrame
    verdict: Verdict | None
    winner: Winner | None
    complete: bool
    seconds: float

    @property
    def outcome(self) -> str:
        """The verdict's sentence, or why there is none; it begins with how far an interrupted race came."""
        if self.verdict:
            return self.verdict.sentence
        if self.runs.is_empty():
            why = "No run ended, so nothing can be recommended."
        else:
            all_lost = (self.runs["status"] == "diverged").all()
            lost = "Every run" if all_lost else "At every learning rate half the runs or more"
            why = f"{lost} diverged: race again with smaller learning rates."
        return why if self.complete else _partial(why, self.runs, self.plan)

    def __repr__(self) -> str:
        ended = f"{len(self.runs)} of {len(self.plan)} runs in {self.seconds:.1f} s"
        return f"Race on {self.problem.name}: {ended}. {self.outcome}"

    def _repr_html_(self) -> str:
        """A notebook's view: the verdict and the leaderboard."""
        told = f"<p><b>{html.escape(self.outcome)}</b></p>"
        if self.verdict is None:
            return told
        cells = "".join(
            f"<tr><td>{proper_name(s.optimizer)}</td><td>{rate(s.learning_rate)}</td><td>{s.median:.4g}</td>"
            f"<td>{s.diverged} of {s.runs}</td></tr>"
            for s in self.verdict.leaderboard
        )
        measure = html.escape(f"median {self.problem.measure.part} {self.problem.measure.name}")
        head = f"<tr><th>optimizer</th><th>learning rate</th><th>{measure}</th><th>diverged</th></tr>"
        return f"{told}<table><thead>{head}</thead><tbody>{cells}</tbody></table>"


def race(
    problem: Minimised,
    optimizers: Sequence[str | Rule | Optimizer] | str | Rule | Optimizer | Plan | None = None,
    *,
    learning_rates: int | Sequence[float] = 13,
    seeds: int | Sequence[int] = 3,
    epochs: int = 100,
    batch_size: int | Literal["all"] | None = None,
    patience: int | None = 10,
    on_end: Callable[[Ended], None] | None = None,
) -> Race:
    """Race optimizers on a problem: every one at every learning rate of its grid, for every seed.

    optimizers, learning_rates, seeds: as in ``plan_race``, or a plan it made, which then holds all the rest too.
    epochs, batch_size, patience: as in ``Settings``, the same for every run.
    on_end: called as each run ends.  Ctrl-C ends the race with what has run; diverged runs are rows, never errors.
    Raises InputError for names and numbers out of range, before anything runs.
    """
    check_minimised(problem)
    if isinstance(optimizers, Plan):
        plan = optimizers
    else:
        settings = Settings(epochs, batch_size, patience)
        plan = plan_race(optimizers, learning_rates=learning_rates, seeds=seeds, settings=settings)
    started = time.perf_counter()
    instances = dict(zip(plan.seeds, problem.instances(plan.seeds), strict=True))
    ended, complete = execute(problem, instances, plan.entries(), plan.settings, on_end)
    runs = _runs_table(ended)
    usual = {name: one.learning_rate for name, one in plan.optimizers.items()}
    verdict = judge(runs, usual, problem.measure) if ended else None
    if verdict and not complete:
        verdict = dataclasses.replace(verdict, sentence=_partial(verdict.sentence, runs, plan))
    winner = _winner(problem, plan, instances, runs, verdict) if verdict else None
    return Race(problem, plan, runs, _curves_table(ended), verdict, winner, complete, time.perf_counter() - started)


def _partial(sentence: str, runs: pl.DataFrame, plan: Plan) -> str:
    return f"Partial, {len(runs):,} of {len(plan):,} runs: {sentence}"


def _runs_table(ended: Sequence[Ended]) -> pl.DataFrame:
    rows = [{"run": number, "stage": "tune", **run.row()} for number, run in ended]
    return pl.DataFrame(rows, schema=RUN_SCHEMA)


def _curves_table(ended: Sequence[Ended]) -> pl.DataFrame:
    tables = [run.reported_curves().select(pl.lit(number, pl.Int32).alias("run"), pl.all()) for number, run in ended]
    empty = pl.DataFrame(
        schema={
            "run": pl.Int32,
            "epoch": pl.Int32,
            "step": pl.Int32,
            "train_loss": pl.Float64,
            "validation_loss": pl.Float64,
        }
    )
    return pl.concat([empty, *tables])


def _winner(problem: Minimised, plan: Plan, instances: dict, runs: pl.DataFrame, verdict: Verdict) -> Winner | None:
    """Train the recommended run with the lowest validation loss again: the same program, so the same parameters."""
    chosen = (
        runs.filter(
            (pl.col("optimizer") == verdict.optimizer)
            & (pl.col("learning_rate") == verdict.learning_rate)
            & pl.col("status").is_in(["ok", "stopped"])
        )
        .sort("steady_validation_loss")
        .row(0, named=True)
    )
    one = plan.optimizers[verdict.optimizer].with_learning_rate(verdict.learning_rate)
    try:
        shared = together(plan.optimizers.values())(one)
        run = fit_instance(problem, instances[chosen["seed"]], shared, plan.settings, seed=chosen["seed"])
        run = dataclasses.replace(run, optimizer=one)
    except KeyboardInterrupt:  # a second Ctrl-C: the results matter more than the model
        return None
    if not isinstance(problem, NetworkProblem):
        return Winner(chosen["run"], run, None, {})
    model = problem.model(run.parameters, chosen["seed"])
    return Winner(chosen["run"], run, model, problem.evaluate(model, chosen["seed"]))


class Estimate(NamedTuple):
    """runs: how many are planned.  seconds: about how long they take, were none to stop early."""

    runs: int
    seconds: float


def estimate(problem: Minimised, plan: Plan) -> Estimate:
    """Time a few epochs of the dearest optimizer and reckon from them. Takes a second or two."""
    (instance,) = problem.instances(plan.seeds[:1])
    one = max(plan.optimizers.values(), key=lambda one: len(one.rule.state._fields))
    shared = together(plan.optimizers.values())(one)
    settings = dataclasses.replace(plan.settings, epochs=1, patience=None)

    def timed(epochs: int) -> Run:
        return fit_instance(problem, instance, shared, dataclasses.replace(settings, epochs=epochs), seed=plan.seeds[0])

    timed(1)  # compiles the program that the whole race will use
    one_epoch = timed(1).seconds
    epochs = max(2, min(plan.settings.epochs, int(0.2 / max(one_epoch, 1e-6))))
    warm = timed(epochs)
    steps = steps_per_epoch(instance.rows, settings.batch_size_for(instance.rows)) * plan.settings.epochs
    step_seconds = warm.seconds / max(1, warm.steps)
    return Estimate(len(plan), seconds_at_most(len(plan), steps, step_seconds))
