"""Race every optimizer on one problem: tune each on some seeds, confirm what was chosen on others."""

import dataclasses
import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import polars as pl

from ..arrays import Scalar
from ..errors import InputError
from ..optimizer import Optimizer
from ..problems import Minimised, Model, NetworkProblem, check_minimised
from ..rules import Rule, fields, proper_name
from ..training import Run, Settings, fit_instance
from ._baselines import SEEDS, Baseline, baselines
from ._choose import choose
from ._execute import Crew, Ended
from ._plan import CONFIRM, TUNE, Plan, plan_race
from ._recommend import Recommendation, recommend
from ._sanity import Finding, recommended_losses, sanity
from ._sentence import rate
from ._space import configured, parsed_knobs
from ._standing import Verdict
from ._together import together
from ._tune import tune
from ._verdict import judge, judged_runs, of_stage

RUN_SCHEMA = {
    "run": pl.Int32,
    "optimizer": pl.String,
    "learning_rate": pl.Float64,
    "hyperparameters": pl.String,
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
}
_CURVES_SCHEMA = {
    "run": pl.Int32,
    "epoch": pl.Int32,
    "step": pl.Int32,
    "train_loss": pl.Float64,
    "validation_loss": pl.Float64,
}
# A step is timed for about so long, after it has been compiled.
_TIMED_SECONDS = 0.1


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
    complete: False where the race was interrupted.  seconds: wall time of everything, and of a step of each optimizer,
    alone on the machine and compiled beforehand, by name.
    baselines: what the table's features are worth without a network, by name; none where there is no verdict, the race
    was interrupted, or its problem is not a table.  sanity: what was checked, and found.
    """

    problem: Minimised
    plan: Plan
    runs: pl.DataFrame
    curves: pl.DataFrame
    verdict: Verdict | None
    winner: Winner | None
    complete: bool
    seconds: float
    step_seconds: Mapping[str, float]
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    sanity: tuple[Finding, ...] = ()

    @property
    def outcome(self) -> str:
        """The verdict's sentence, or why there is none; it begins with how far an interrupted race came."""
        if self.verdict:
            return self.verdict.sentence
        statuses = self.runs.filter(pl.col("status") != "interrupted")["status"]
        if statuses.is_empty():
            why = "No run ended, so nothing can be recommended."
        elif not self.complete and not statuses.is_in(["ok", "stopped"]).any():
            why = "Only runs that diverged or were dropped, the first to end, have: nothing can be recommended yet."
        else:
            all_lost = (statuses == "diverged").all()
            lost = "Every run" if all_lost else "At every learning rate half the runs or more"
            why = f"{lost} diverged: race again with smaller learning rates, such as {_smaller(self.plan)}."
        return why if self.complete else _partial(why, self.runs, self.plan)

    @property
    def recommendation(self) -> Recommendation | None:
        """What to use, with its ranges and as code to paste; None where there is no verdict."""
        return recommend(self.plan, self.runs, self.verdict)

    def __repr__(self) -> str:
        return f"Race on {self.problem.name}: {len(self.runs):,} runs in {self.seconds:.1f} s. {self.outcome}"

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
    confirm_seeds: int | Sequence[int] = 10,
    epochs: int = 100,
    batch_size: int | Literal["all"] | None = None,
    patience: int | None = 10,
    early: bool = True,
    search: Sequence[str] = (),
    on_end: Callable[[Ended], None] | None = None,
    known: Mapping[int, Ended] | None = None,
) -> Race:
    """Race optimizers on a problem: tune every one on some seeds, then confirm its chosen rate on fresh ones.

    optimizers, learning_rates, seeds, confirm_seeds, early, search: as in ``plan_race``, or a plan it made, which then
    holds all the rest too.
    epochs, batch_size, patience: as in ``Settings``, the same for every run.
    on_end: called as each run ends.  known: runs of this very race that have ended before, by number; they are not run
    again, and the race ends as if it had run them.
    Ctrl-C ends the race with what has run; diverged runs are rows, never errors.
    Raises InputError for names and numbers out of range, and for more seeds than can split the table, before anything
    runs.
    """
    check_minimised(problem)
    if isinstance(optimizers, Plan):
        plan = optimizers
    else:
        plan = plan_race(
            optimizers, learning_rates=learning_rates, seeds=seeds, confirm_seeds=confirm_seeds, early=early,
            search=search, settings=Settings(epochs, batch_size, patience),
        )  # fmt: skip
    check_seeds(problem, plan)
    started = time.perf_counter()
    crew = Crew(problem, plan, known=known or {}, on_end=on_end)
    try:
        entries = tune(crew, plan)
    except KeyboardInterrupt:  # between two stretches of training
        crew.stop()
        entries = []
    usual = {name: one.learning_rate for name, one in plan.optimizers.items()}
    if not crew.stopped:
        tuned = judged_runs(runs_table(crew.of(entries)))
        chosen = {name: found for name, rate in usual.items() if (found := choose(tuned, name, rate)) is not None}
        fresh = {
            name: configured(plan.optimizers[name], one.learning_rate, parsed_knobs(one.hyperparameters))
            for name, one in chosen.items()
        }
        entries += (confirming := plan.confirming(fresh, len(entries)))
        crew.train(confirming, plan.settings.epochs)
    ended = crew.all_ended()
    runs = runs_table(ended)
    arrays = {name: _arrays(one.rule) for name, one in plan.optimizers.items()}
    verdict = judge(runs, usual, problem.measure, state_arrays=arrays) if ended else None
    beside, findings = _checked(crew, problem, runs, verdict) if verdict and not crew.stopped else ({}, ())
    winner = _winner(problem, plan, crew, runs, verdict) if verdict else None
    step_seconds = _step_seconds(crew, verdict) if verdict and not crew.stopped else {}
    if verdict and crew.stopped:
        verdict = dataclasses.replace(verdict, sentence=_partial(verdict.sentence, runs, plan))
    complete, seconds = not crew.stopped, time.perf_counter() - started
    curves = curves_table(ended)
    return Race(problem, plan, runs, curves, verdict, winner, complete, seconds, step_seconds, beside, findings)


def check_seeds(problem: Minimised, plan: Plan) -> None:
    """Raise InputError where a table has too few rows for every seed of a plan to split it in its own way."""
    if not isinstance(problem, NetworkProblem) or not problem.validation:
        return
    asked, splits = len(plan.seeds) + len(plan.confirm_seeds), problem.splits
    if asked > splits:
        raise InputError(
            f"{problem.name} has {problem.table.rows} rows, which {splits} seed{'' if splits == 1 else 's'} can split "
            f"in different ways; received {asked} seeds, fresh ones included. Ask for fewer, or give more rows."
        )


def _arrays(rule: Rule) -> int:
    """How many arrays of the parameters' size its state has."""
    return sum(rule.state.__annotations__[field] is not Scalar for field in fields(rule))


def _checked(
    crew: Crew, problem: Minimised, runs: pl.DataFrame, verdict: Verdict
) -> tuple[dict[str, Baseline], tuple[Finding, ...]]:
    """The baselines, on the first seeds that the verdict counts, and what was found; Ctrl-C stops the crew."""
    try:
        beside = baselines(problem, list(recommended_losses(runs, verdict))[:SEEDS], instance=crew.instance)
        return beside, sanity(runs, verdict, problem.measure, beside)
    except KeyboardInterrupt:
        crew.stop()
        return {}, ()


def _step_seconds(crew: Crew, verdict: Verdict) -> dict[str, float]:
    """Seconds of a step of each optimizer, one after another: in the race itself all shared the machine."""
    return {
        one.optimizer: seconds
        for one in verdict.leaderboard
        if (seconds := crew.step_seconds(one.optimizer, one.learning_rate, _TIMED_SECONDS)) is not None
    }


def _smaller(plan: Plan) -> str:
    lowest = min(rates[0] for rates in plan.rates.values())
    return f"{rate(lowest / 100)},{rate(lowest / 10)}"


def _partial(sentence: str, runs: pl.DataFrame, plan: Plan) -> str:
    tuned = len(of_stage(runs, TUNE))
    further = max(0, tuned - plan.tuning_runs)  # of grids that grew
    return f"Partial, {len(runs):,} of {len(plan) + further:,} runs: {sentence}"


def runs_table(ended: Sequence[Ended]) -> pl.DataFrame:
    """A row a run."""
    return pl.DataFrame([one.row for one in ended], schema=RUN_SCHEMA)


def curves_table(ended: Sequence[Ended]) -> pl.DataFrame:
    """A row an epoch of a run."""
    tables = [one.curves.select(pl.lit(one.number, pl.Int32).alias("run"), pl.all()) for one in ended]
    return pl.concat([pl.DataFrame(schema=_CURVES_SCHEMA), *tables])


def _winner(problem: Minimised, plan: Plan, crew: Crew, runs: pl.DataFrame, verdict: Verdict) -> Winner | None:
    """Train the recommended run with the lowest validation loss again: the same program, so the same parameters."""
    stage = CONFIRM if verdict.confirmed else TUNE
    chosen = (
        of_stage(runs, stage)
        .filter(
            (pl.col("optimizer") == verdict.optimizer)
            & (pl.col("learning_rate") == verdict.learning_rate)
            & pl.col("status").is_in(["ok", "stopped"])
        )
        .sort("steady_validation_loss", "run")
        .row(0, named=True)
    )
    one = configured(plan.optimizers[verdict.optimizer], verdict.learning_rate, verdict.recommended.hyperparameters)
    try:
        shared, instance = together(plan.optimizers.values())(one), crew.instance(chosen["seed"])
        run = fit_instance(problem, instance, shared, plan.settings, seed=chosen["seed"])
        run = dataclasses.replace(run, optimizer=one)
    except KeyboardInterrupt:  # the results matter more than the model, which is trained when the race goes on
        crew.stop()
        return None
    if not isinstance(problem, NetworkProblem):
        return Winner(chosen["run"], run, None, {})
    model = problem.model(run.parameters, chosen["seed"])
    return Winner(chosen["run"], run, model, problem.evaluate(model, chosen["seed"]))
