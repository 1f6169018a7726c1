"""The directory a race or a fit leaves: what was asked, every run, every curve, the model."""

import hashlib
import json
import math
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import safetensors.numpy

from ..errors import InputError
from ..files import new_directory
from ..problems import Minimised, Model, NetworkProblem
from ..training import Run, Settings, steps_per_epoch
from ._plan import CONFIRM, TUNE, Plan
from ._race import RUN_SCHEMA, Race
from ._verdict import judged_runs, of_stage

FORMAT = 2
MADE = "made.json"
# The parameters that a fit began with, where they were given to it.
START = "start.safetensors"
_LIBRARIES = ("jax", "jaxlib", "numpy", "polars", "scikit-learn", "skrub")


def save(ended: Race | Run, directory: str | Path) -> Path:
    """Keep a race or a run in a new directory, whole or not at all; ``report`` draws it.

    Raises InputError where the directory exists or cannot be written.
    """
    with new_directory(directory) as place:
        save_race(ended, place) if isinstance(ended, Race) else save_fit(ended, place)
    return Path(directory)


def save_race(race: Race, directory: Path, command: str = "", source: str = "") -> None:
    """Write a race into an existing, empty directory: race.json, runs.parquet, curves.parquet, model/.

    directory: usually a temporary one that is renamed when all is written.  command: the line that repeats the race.
    source: where the table was read, a file's path or the name of a built-in one.
    """
    winner = race.winner
    told = {
        "kind": "race",
        **about(race.problem, race.plan),
        "partial": not race.complete,
        "verdict": {**race.verdict.to_json(), "seeds": _judged_seeds(race)} if race.verdict else None,
        "baselines": {name: one._asdict() for name, one in race.baselines.items()},
        "sanity": [asdict(finding) for finding in race.sanity],
        "recommendation": race.recommendation.to_json() if race.recommendation else None,
        "model": _about_model(winner.number, winner.run, winner.test) if winner else None,
    }
    made = _made(command, race.seconds, source) | {"step_seconds": dict(race.step_seconds)}
    tables = {"runs": race.runs, "curves": race.curves}
    _write(directory, {MADE: made, "race.json": told}, tables, winner.model if winner else None)


def _judged_seeds(race: Race) -> list[int]:
    """The seeds that the verdict counts, so that whoever draws the race counts the same."""
    stages = (judged_runs(of_stage(race.runs, stage)) for stage in (TUNE, CONFIRM))
    return sorted({seed for ended in stages for seed in ended["seed"].to_list()})


def save_fit(run: Run, directory: Path, command: str = "", source: str = "") -> None:
    """Write one run into an existing, empty directory: run.json and the files a race leaves.

    command, source: as of ``save_race``.
    """
    problem = run.problem
    model = problem.model(run.parameters, run.seed) if isinstance(problem, NetworkProblem) else None
    test = problem.evaluate(model, run.seed) if isinstance(problem, NetworkProblem) and model else {}
    spec = {
        "optimizers": {run.optimizer.name: dict(run.optimizer.hyperparameters)},
        "learning_rates": {run.optimizer.name: [run.optimizer.learning_rate]},
        "schedule": repr(run.optimizer.schedule),
        "transforms": [repr(transform) for transform in run.optimizer.transforms],
        "seeds": [run.seed],
        **run.settings.to_json(),
        **({} if run.warm is None else {"start": START}),
    }
    told = {
        "kind": "fit",
        **_about(problem, spec, run.settings),
        "partial": run.status == "interrupted",
        "verdict": None,
        "model": _about_model(0, run, test),
    }
    runs = pl.DataFrame([{"run": 0, "stage": "fit", "hyperparameters": "", **run.row()}], schema=RUN_SCHEMA)
    curves = run.reported_curves().select(pl.lit(0, pl.Int32).alias("run"), pl.all())
    if run.warm is not None:
        leaves = [np.ascontiguousarray(leaf) for leaf in jax.tree.leaves(run.warm)]
        safetensors.numpy.save_file({str(place): leaf for place, leaf in enumerate(leaves)}, directory / START)
    _write(
        directory,
        {MADE: _made(command, run.seconds, source), "run.json": told},
        {"runs": runs, "curves": curves},
        model,
    )


def kept_start(directory: Path, like: Any) -> Any:
    """The parameters that a fit began with where these were given to it; None where its seed drew them.

    like: parameters of the same shapes. Raises InputError where the file is damaged or of other shapes.
    """
    file = directory / START
    if not file.is_file():
        return None
    leaves, tree = jax.tree.flatten(like)
    try:
        kept = safetensors.numpy.load_file(file)
        found = [kept[str(place)] for place in range(len(leaves))]
        if [one.shape for one in found] != [np.shape(leaf) for leaf in leaves]:
            raise ValueError("its arrays are of other shapes")
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise InputError(
            f"'{file}' is damaged ({str(error).splitlines()[0]}); run the command that made the directory again."
        ) from error
    return jax.tree.unflatten(tree, found)


def _made(command: str, seconds: float, source: str) -> dict[str, Any]:
    """What two makings of the same results differ in: kept apart from these, which are equal byte for byte."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {"command": command, "source": source, "created": created, "seconds": seconds}


def _write(
    directory: Path, facts: dict[str, dict[str, Any]], tables: dict[str, pl.DataFrame], model: Model | None
) -> None:
    if model is not None:
        test = next(told["model"]["test"] for told in facts.values() if "model" in told)
        model.save(directory / "model", {k: v for k, v in test.items() if k not in ("confusion", "residuals")})
    for table, frame in tables.items():
        frame.write_parquet(directory / f"{table}.parquet")
    for name, told in facts.items():
        (directory / name).write_text(json.dumps(_plain(told), indent=1, allow_nan=False))


def about(problem: Minimised, plan: Plan) -> dict[str, Any]:
    """What is known of a race before it runs: what was asked, of which data, by which versions."""
    return _about(problem, plan.to_json(), plan.settings)


def _about(problem: Minimised, plan: dict[str, Any], settings: Settings) -> dict[str, Any]:
    data: dict[str, Any] = {"name": problem.name}
    spec: dict[str, Any] = {"data": problem.name}
    if isinstance(problem, NetworkProblem):
        data = problem.describe_data()
        spec |= {"target": problem.table.target_name, "task": problem.table.task, **problem.to_json()}
    spec |= plan | _effective(problem, plan["seeds"][0], settings)
    measure = problem.measure
    fixed = json.dumps(_plain([spec, data.get("fingerprint")]), sort_keys=True)
    return {
        "format": FORMAT,
        "steepest": version("steepest"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "spec": spec,
        "spec_hash": hashlib.sha256(fixed.encode()).hexdigest(),
        "data": data,
        "metric": {
            "name": f"{measure.part} {measure.name}",
            "unit": measure.unit,
            "part": measure.part,
            "weighted": isinstance(problem, NetworkProblem) and problem.weighted,
            "lower_is_better": True,
        },
    }


def _effective(problem: Minimised, seed: int, settings: Settings) -> dict[str, Any]:
    """The batch size, also where none was asked for, and the steps that follow from it."""
    rows = problem.instances([seed])[0].rows
    batch_size = settings.batch_size_for(rows)
    return {"batch_size": settings.batch_size or batch_size, "steps_per_epoch": steps_per_epoch(rows, batch_size)}


def _about_model(number: int, run: Run, test: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": number,
        "optimizer": run.optimizer.name,
        "learning_rate": run.optimizer.learning_rate,
        "seed": run.seed,
        "validation_loss": run.reported_best,
        "epoch": run.best_epoch,
        "test": test,
    }


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
