"""Optuna's trials: trainings in Keras on JAX and in torch, and a process's part of a study of them.

A trial trains a ReLU network on digits as steepest's runs do, at most 100 epochs with a patience of 10, on one split,
from a start of its own; its value is the lowest validation loss. Each framework does what its documentation recommends:

- Keras: ``model.fit`` compiled, an execution an epoch, the validation rows in one batch, the pruner in a callback.
- torch: the loop of ``trainers``, fused optimizers where it has them, one thread, since its processes take the cores.
"""

import json
import math
import os
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import digits
import trainers

HIDDEN = (128,)  # as the command by default
BATCH, EPOCHS, PATIENCE = 32, 100, 10
# A study has so many times the seconds of the race before it, which is what is claimed and a little more.
TIMES = 10.5
SECONDS = 150  # where no race has run
RACE = "race-seconds.json"
DECADES = 3  # to either side of an optimizer's usual rate, as in a race

Watch = Callable[[float], bool]  # told the validation loss after each epoch; says whether to stop


class Study(NamedTuple):
    """library: what trains.  pruner, settings: Optuna's class, and what its documentation gives it."""

    library: str
    pruner: str
    settings: dict[str, Any]


def keras(job: trainers.Job, validation: digits.Table, rate: float, seed: int, watch: Watch) -> None:
    """A training in Keras on JAX."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    class Watched(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = watch(logs["val_loss"])

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(units, activation="relu") for units in job.hidden]
    model = keras.Sequential([keras.Input(job.x.shape[1:]), *hidden, keras.layers.Dense(job.classes)])
    optimizer = trainers._made(keras.optimizers, "keras", job, learning_rate=rate)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=True, steps_per_execution=len(job.x) // job.batch_size)
    beside = {"validation_data": validation, "validation_batch_size": len(validation[1]), "callbacks": [Watched()]}
    model.fit(job.x, job.y, batch_size=job.batch_size, epochs=job.epochs, verbose=0, **beside)


def torch(job: trainers.Job, validation: digits.Table, rate: float, seed: int, watch: Watch) -> None:
    """A training in torch."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    x, y, x_validation, y_validation = map(torch.from_numpy, (job.x, job.y, *validation))
    y, y_validation = y.long(), y_validation.long()
    units = (job.x.shape[1], *job.hidden)
    layers = [torch.nn.Linear(*pair) for pair in zip(units, job.hidden, strict=False)]
    hidden = [part for layer in layers for part in (layer, torch.nn.ReLU())]
    model = torch.nn.Sequential(*hidden, torch.nn.Linear(units[-1], job.classes))
    fused = {"fused": True} if job.optimizer in ("sgd", "momentum", "nesterov", "adagrad", "adam") else {}
    optimizer = trainers._made(torch.optim, "torch", job, model.parameters(), lr=rate, **fused)
    for _ in range(job.epochs):
        order = torch.randperm(len(x))
        for batch in zip(x[order].split(job.batch_size), y[order].split(job.batch_size), strict=True):
            optimizer.zero_grad(set_to_none=True)
            cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
        with torch.no_grad():
            loss = float(cross_entropy(model(x_validation), y_validation))
        if watch(loss):
            return


TRAIN = {"keras": keras, "torch": torch}


def write(work: Path) -> None:
    """Write what trials read into a directory: the digits, and each optimizer's usual learning rate."""
    from steepest import rules
    from steepest.optimizer import optimizer

    digits.write(work)
    (work / "usual.json").write_text(json.dumps({name: optimizer(name).learning_rate for name in rules.RULES}))


def objective(library: str, given: Namespace) -> Callable[[Any], float]:
    """What Optuna minimises: a trial's lowest validation loss, infinite where it diverged.

    A trial's attributes tell its choice, [optimizer, learning rate], and the seconds since the start of everything.
    """
    import optuna

    train, validation = digits.read(Path(given.work))
    usual = json.loads((Path(given.work) / "usual.json").read_text())

    def value(trial: Any) -> float:
        name = trial.suggest_categorical("optimizer", trainers.optimizers_of(library))
        rate = usual[name] * 10 ** trial.suggest_float("decades from the usual rate", -DECADES, DECADES)
        losses: list[float] = []

        def watch(loss: float) -> bool:
            losses.append(loss)
            trial.report(loss, len(losses))
            if trial.should_prune():
                raise optuna.TrialPruned
            return not math.isfinite(loss) or len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE

        job = trainers.Job(*train, HIDDEN, BATCH, epochs=1 if given.short else EPOCHS, optimizer=name)
        TRAIN[library](job, validation, rate, trial.number, watch)
        trial.set_user_attr("choice", [name, rate])
        trial.set_user_attr("seconds", time.monotonic() - given.started)
        return min(losses) if np.isfinite(losses).all() else math.inf

    return value


def opened(study: Study, journal: str, worker: int = 0) -> Any:
    """A study that processes share by a journal; whoever comes first begins it.  worker: seeds the sampler."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=f"{study.pruner}, {study.library}",
        storage=optuna.storages.JournalStorage(JournalFileBackend(journal)),
        sampler=optuna.samplers.TPESampler(seed=worker),
        pruner=getattr(optuna.pruners, study.pruner)(**study.settings),
        load_if_exists=True,
    )


def seconds(given: Namespace) -> float:
    """How long a study may take, from the start of its process: in proportion to the race before it."""
    ours = Path(given.work) / RACE
    return TIMES * json.loads(ours.read_text()) if ours.exists() else SECONDS


def work(study: Study, journal: str, worker: int, given: Namespace) -> None:
    """A process's part of a study, until its time ends."""
    shared = opened(study, journal, worker)
    left = given.started + seconds(given) - time.monotonic()
    shared.optimize(objective(study.library, given), n_trials=2 if given.short else None, timeout=max(1.0, left))
