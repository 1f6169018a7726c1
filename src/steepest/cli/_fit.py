"""``steepest fit``."""

import math
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..arrays import positive
from ..data import Dataset
from ..diagnosis import Diagnosis, Economy, glance
from ..diagnosis import remedy as apply_remedy
from ..errors import InputError
from ..files import check_new_directory, new_directory, replaced_directory
from ..optimizer import Optimizer, optimizer
from ..problems import NetworkProblem
from ..races import rate, save_fit
from ..reports import report
from ..rules import find, proper_name
from ..schedules import over_run
from ..training import WATCH_SECONDS, Run, Settings, Training, climb_network, steps_per_epoch
from . import _options as options
from ._diagnose import diagnosed, drawn, keep, say
from ._interrupts import interrupts
from ._like import SHARES, TRANSFORMS
from ._like import like as taken_from
from ._progress import progress
from ._table import counted, free_name, metrics_line, say_data, source_of, table_and_network

# Among the diagnoses of a directory, that of the run before a remedy, which is none of its runs.
_BEFORE = -1


def run_fit(
    *, data: str, out: Path | None, quiet: bool, hill_climb: bool, watch: bool, remedy: bool, command: str, seed: int,
    like: Path | None, given: frozenset[str], **asked: Any,
) -> None:  # fmt: skip
    """Read, train, keep, and say how it went.

    given: the names of the options that stand on the command line; those of --like yield to them.
    """
    console = Console(highlight=False, soft_wrap=True)
    if like is not None:
        asked |= taken_from(like, {name: value for name, value in asked.items() if name in given})
    table, problem = table_like(data, asked, like, given)
    settings = settings_of(asked)
    (instance,) = problem.instances([seed])
    steps = settings.epochs * steps_per_epoch(instance.rows, settings.batch_size_for(instance.rows))
    chosen = chosen_optimizer(asked, steps)
    place = out or free_name(f"fit-{table.name}")
    check_new_directory(place)
    if not quiet:
        say_data(console, table)
        if like is not None:
            _say_like(console, like, asked["schedule"], chosen, settings)
        _say_warmup(console, asked["warmup"], steps, chosen.learning_rate)
    training = Training(problem, instance, chosen, settings, seed=seed, observer=Economy() if watch else None)
    with new_directory(place) as directory:
        run = _train(console, training, problem, settings, quiet=quiet)
        save_fit(run, directory, command, source_of(data))
        report(directory)
    _say_run(console, problem, run)
    console.print(f"Model and report: {place}")
    try:
        if watch or remedy:
            found = _diagnosed(console, run, quiet)
            better = _remedied(console, problem, found) if remedy else run
            _keep_diagnosed(place, run, better, found, (command, source_of(data)))
            run = better
        if hill_climb:
            _climb(console, run, quiet)
    except KeyboardInterrupt:
        console.print("Interrupted; the model is kept.")
        sys.exit(130)


def _keep_diagnosed(place: Path, first: Run, better: Run, found: Diagnosis, made: tuple[str, str]) -> None:
    """Keep the diagnosis of the first run beside it, or beside the better one in its place.

    made: the command, and where the table was read.
    """
    picture = drawn(first)
    if better is first:
        keep(place, {0: found}, pictures={0: picture})
        report(place)
        return
    at = f"{proper_name(first.optimizer.name)} at {rate(first.optimizer.learning_rate)}"
    with replaced_directory(place) as directory:
        save_fit(better, directory, *made)
        title = f"The run before the remedy: {at}"
        keep(directory, {_BEFORE: found}, title=title, pictures={_BEFORE: picture})
        report(directory)


def _train(console: Console, training: Training, problem: NetworkProblem, settings: Settings, *, quiet: bool) -> Run:
    """Train to the end with a line of progress, which tells of the steps, too, where somebody looks on."""
    seed = training.seed
    with progress(console, settings.epochs, "epochs", quiet=quiet) as line, interrupts(once=False) as came:

        def watching(epoch: int, train_loss: float, watched: float) -> bool:
            if came:
                raise KeyboardInterrupt
            losses = (problem.reported(loss, seed) for loss in (train_loss, watched))
            told = "{} {:.4g}, validation {:.4g}".format(problem.measure.name, *losses)
            seen = training.observed
            line.show(epoch, told if seen is None else f"{told}; {glance(seen)}")
            return True

        training.go(settings.epochs, watching, WATCH_SECONDS)
    return training.run()


def _diagnosed(console: Console, run: Run, quiet: bool) -> Diagnosis:
    """Why the run went as it did, said."""
    found = diagnosed(console, run, quiet=quiet)
    say(console, found)
    return found


def _remedied(console: Console, problem: NetworkProblem, found: Diagnosis) -> Run:
    """Apply the surest verdict's action, show what came of it, and return the better run."""
    if not found.verdicts:
        console.print(f"Nothing to remedy: {found.outcome}.")
        assert found.run is not None
        return found.run
    done = apply_remedy(found)
    console.print(f"Remedy for {found.verdicts[0].name}: {done.action.sentence}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", f"lowest {problem.measure.part} {problem.measure.name}", "on the test part"):
        table.add_column(name, overflow="fold")
    for name, run in (("before", done.before), ("after", done.after)):
        own = run.problem
        assert isinstance(own, NetworkProblem)
        metrics = own.evaluate(own.model(run.parameters, run.seed), run.seed)
        ended = "diverged" if run.status == "diverged" else problem.measure.of(run.reported_best)
        table.add_row(name, ended, metrics_line(metrics) if metrics else "")
    console.print(table)
    console.print("It helped: the run after it is kept." if done.helped else "It did not help: the first run is kept.")
    return done.after if done.helped else done.before


def table_like(
    data: str, asked: dict[str, Any], like: Path | None, given: frozenset[str]
) -> tuple[Dataset, NetworkProblem]:
    """The table and the network, also with shares of the rows that no option asks for but what it is to be like had."""
    try:
        table, problem = table_and_network(data, asked)
    except InputError as error:
        for role in ("target", "weight"):
            if like is not None and role not in given and str(error).startswith(f"Unknown {role} column"):
                raise InputError(f"{error} '{like}' has that {role}: name another by --{role}.") from None
        raise
    if like is None:
        return table, problem
    shares = {name: asked[name] for name in SHARES if name in asked}
    loss, weights = problem.loss, problem.class_weight
    return table, NetworkProblem(table, problem.network, loss=loss, class_weight=weights, **shares)


def settings_of(asked: dict[str, Any]) -> Settings:
    """How to train, of what was asked for."""
    return Settings(
        asked["epochs"], asked["batch_size"], asked["patience"], sampling=asked["sampling"],
        least_improvement=asked.get("least_improvement", Settings.least_improvement),
    )  # fmt: skip


def chosen_optimizer(asked: dict[str, Any], steps: int) -> Optimizer:
    """The optimizer that was asked for.  steps: of the whole run, for its schedule."""
    for name in TRANSFORMS:
        positive(f"--{name.replace('_', '-')}", asked[name], hint="1")
    if asked["warmup"] < 0:
        raise InputError(f"--warmup must be 0 or more steps; received {asked['warmup']}. Try 100.")
    transforms = tuple(make(asked[name]) for name, make in TRANSFORMS.items() if asked[name] is not None)
    knobs = options.knobs(asked["set_"], find(asked["optimizer"]))
    one = optimizer(asked["optimizer"], asked["learning_rate"], transforms=transforms, **knobs)
    return one.with_learning_rate(over_run(asked["schedule"], one.learning_rate, steps, warmup=asked["warmup"]))


def _say_like(console: Console, like: Path, schedule: str, chosen: Optimizer, settings: Settings) -> None:
    at = f"{proper_name(chosen.name)} at a learning rate of {rate(chosen.learning_rate)}, {schedule}"
    console.print(f"  Like '{like}': {at}, for up to {counted(settings.epochs, 'epoch')}.")


def _say_warmup(console: Console, warmup: int, steps: int, learning_rate: float) -> None:
    if warmup > steps:
        console.print(
            f"  The warm-up of {counted(warmup, 'step')} is longer than the run of at most {counted(steps, 'step')}: "
            f"the learning rate never reaches {learning_rate:g}."
        )


def _say_run(console: Console, problem: NetworkProblem, run: Run) -> None:
    ended = {
        "ok": "ran all",
        "stopped": "stopped early after",
        "diverged": "diverged in",
        "interrupted": "interrupted after",
    }
    trained = f"{counted(run.epochs, 'epoch')} ({counted(run.steps, 'step')}, {run.seconds:.1f} s)"
    console.print(
        f"{run.optimizer.name} {ended[run.status]} {trained}; "
        f"lowest {problem.measure.part} {problem.measure.name} {problem.measure.of(run.reported_best)}, "
        f"at epoch {run.best_epoch}."
    )
    if run.status == "diverged":
        console.print(
            f"Try a learning rate below {run.optimizer.learning_rate:g}; the model kept is the best before that."
        )
    if run.status == "ok" and run.best_epoch == run.epochs:
        console.print(
            f"The loss was still falling: more epochs than {run.epochs} or a larger learning rate may do better."
        )
    metrics = problem.evaluate(problem.model(run.parameters, run.seed), run.seed)
    if metrics:
        console.print(f"On the test part: {metrics_line(metrics)}.")


def _climb(console: Console, run: Run, quiet: bool) -> None:
    def told(point: dict[str, Any], score: float) -> None:
        if not quiet:
            console.print(f"  {_shape(point)}: {loss(score)}")

    def loss(score: float) -> str:
        return f"{run.problem.reported(-score, run.seed):.4g}" if math.isfinite(score) else "diverged"

    measure = run.problem.measure
    console.print(f"{measure.part.capitalize()} {measure.name} of networks around it:")
    climb = climb_network(run, on_try=told)
    console.print(
        f"Lowest: {_shape(climb.best)} with {loss(climb.score)}, after {len(climb.tried)} trained"
        + ("." if climb.at_peak else "; there may be better ones further on.")
    )


def _shape(point: dict[str, Any]) -> str:
    return f"width {point['width']}, depth {point['depth']}, batch size {point['batch_size']}"
