"""What ``steepest fit --like DIR`` takes over: the options that train as a race recommends, or as a fit was trained."""

import contextlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any

from ..data import TASKS
from ..errors import InputError
from ..gradients import AddNoise, ClipByGlobalNorm, ClipByValue
from ..losses import loss_for
from ..networks import Network
from ..rules import ALL, find
from ..schedules import over_run

# The options that transform gradients, in the order in which they do.
TRANSFORMS: Mapping[str, Any] = MappingProxyType(
    {"clip_value": ClipByValue, "clip_norm": ClipByGlobalNorm, "noise": AddNoise}
)
# What a fit's options do not reach, but a fit or a race from Python may have.
SHARES = ("validation", "test", "test_seed")
_SCHEDULES = ("constant", "linear", "cosine", "polynomial", "exponential", "steps", "inverse-time")
_FILES = MappingProxyType({"race": "race.json", "fit": "run.json"})
_FORMAT = 2
_NUMBER, _TEXT, _MAYBE_TEXT, _MAYBE_NUMBER = (int, float), (str,), (str, NoneType), (int, float, NoneType)


def like(directory: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a run directory for ``steepest fit``, by name, besides those given, which win.

    directory: what ``steepest race`` or ``steepest fit`` wrote.  given: options of the command line, by name.
    Another optimizer than the one there has its own recommended rate and its knobs where it raced, else its usual ones;
    another target is of no known task. Beside options there are ``SHARES`` and ``least_improvement``.
    Raises InputError where the directory is missing, foreign, damaged, or holds a race without a verdict.
    """
    facts = _Facts.read(directory)
    taken = _of_race(facts, given) if facts.kind == "race" else _of_fit(facts, given)
    taken |= {"sampling": facts.spec("sampling", _TEXT), "patience": facts.spec("patience", _MAYBE_NUMBER)}
    taken |= {"least_improvement": facts.spec("least_improvement", _NUMBER)}
    if "network" in facts.told["spec"]:  # a race of one's own loss has none
        taken |= _network(facts, given)
    there = [f"{knob}={value!r}" for knob, value in taken.pop("knobs").items()]
    return {
        **{name: value for name, value in taken.items() if name not in given},
        "set_": [*there, *(given.get("set_") or [])],  # the last of a knob's values counts
    }


class _Facts:
    """race.json or run.json, of which nothing is believed that has not been looked at.

    told: the whole.  kind: "race" or "fit".
    """

    def __init__(self, file: Path, told: dict[str, Any], kind: str):
        self._file, self.told, self.kind = file, told, kind

    @staticmethod
    def read(directory: Path) -> "_Facts":
        written = "Give one that `steepest race` or `steepest fit` wrote."
        if not directory.is_dir():
            raise InputError(f"There is no directory '{directory}' to train like. {written}")
        kind = next((kind for kind, name in _FILES.items() if (directory / name).is_file()), None)
        if kind is None and (directory / ".race").is_dir():
            raise InputError(f"The race in '{directory}' has not ended yet. End it with --resume, then train like it.")
        within = sorted(path.parent.name for path in directory.glob("*/race.json"))
        if kind is None and within:
            raise InputError(
                f"'{directory}' holds the races {', '.join(within)}. Give one of them: {directory / within[0]}."
            )
        if kind is None:
            raise InputError(f"'{directory}' holds neither race.json nor run.json. {written}")
        file = directory / _FILES[kind]
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(file, str(error).splitlines()[0]) from error
        if not isinstance(told, dict) or told.get("kind") != kind or not isinstance(told.get("format"), int):
            raise InputError(f"'{file}' was not written by steepest: it does not say format and kind '{kind}'.")
        if told["format"] > _FORMAT:
            raise InputError(
                f"'{file}' has format {told['format']}, and this steepest reads up to {_FORMAT}; update steepest."
            )
        return _Facts(file, told, kind)

    @property
    def directory(self) -> Path:
        return self._file.parent

    def take(self, part: Any, name: str, kinds: tuple[type, ...]) -> Any:
        """What an object there has by a name; InputError where it has not, or of another kind."""
        if not isinstance(part, dict) or name not in part:
            raise self.damaged(f"'{name}' is missing")
        value = part[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.damaged(f"'{name}' is of the wrong kind")
        return value

    def damaged(self, why: str) -> InputError:
        """The error for what is not as it was written."""
        return _damaged(self._file, why)

    def spec(self, name: str, kinds: tuple[type, ...]) -> Any:
        """What was asked by a name."""
        return self.take(self.take(self.told, "spec", (dict,)), name, kinds)

    def knobs(self, optimizer: str) -> dict[str, float]:
        """An optimizer's knobs; none where it was not there. JSON has no infinity, and writes null."""
        asked = self.spec("optimizers", (dict,))
        own = self.take(asked, optimizer, (dict,)) if optimizer in asked else {}
        told = {name: self.take(own, name, _MAYBE_NUMBER) for name in own}
        return {name: math.inf if value is None else value for name, value in told.items()}

    def numbered(self, part: Any, name: str) -> dict[str, Any]:
        """The entries of a list of objects, by the optimizer of each."""
        entries = self.take(part, name, (list,))
        return {self.take(one, "optimizer", _TEXT): one for one in entries}


def _damaged(file: Path, why: str) -> InputError:
    return InputError(f"'{file}' is damaged ({why}). Run the command that made the directory again.")


def _of_race(facts: _Facts, given: Mapping[str, Any]) -> dict[str, Any]:
    """Optimizer, rate, knobs, epochs and batch size that a race recommends."""
    verdict = facts.take(facts.told, "verdict", (dict, NoneType))
    if verdict is None:
        raise InputError(
            f"The race in '{facts.directory}' has no verdict, so there is nothing to train like. Race again with other "
            "learning rates."
        )
    best = facts.take(verdict, "optimizer", _TEXT)
    name = _chosen(facts, best, given)
    standing = facts.numbered(verdict, "leaderboard").get(name)
    rate = None if standing is None else facts.take(standing, "learning_rate", _NUMBER)
    told = {"recommendation": None, **facts.told}  # races from before there was one lack it
    recommended = facts.take(told, "recommendation", (dict, NoneType)) or facts.take(told, "spec", (dict,))
    return {
        "optimizer": name,
        "learning_rate": rate,
        "knobs": facts.knobs(name) | _searched(facts, standing),
        "schedule": "constant",
        "epochs": facts.take(recommended if name == best else facts.told["spec"], "epochs", (int,)),
        "batch_size": facts.take(recommended, "batch_size", (int, str, NoneType)),
        **_transforms(facts, facts.take({"transforms": {}, **facts.told["spec"]}, "transforms", (dict,)).get(name, [])),
    }


def _searched(facts: _Facts, standing: Any) -> dict[str, float]:
    """The knobs that the race searched and found better than the usual ones; races from before it could lack them."""
    own = facts.take({"hyperparameters": {}, **(standing or {})}, "hyperparameters", (dict,))
    return {name: facts.take(own, name, _NUMBER) for name in own}


def _of_fit(facts: _Facts, given: Mapping[str, Any]) -> dict[str, Any]:
    """Optimizer, rate, knobs, schedule, epochs and batch size of a fit."""
    rates = facts.spec("learning_rates", (dict,))
    own = next(iter(rates), "")
    first = facts.take(rates, own, (list,))
    if len(first) != 1 or not isinstance(first[0], _NUMBER):
        raise facts.damaged("'learning_rates' has not one number")
    name, epochs = _chosen(facts, own, given), facts.spec("epochs", (int,))
    scheduled = {} if "schedule" in given else _schedule(facts, first[0], epochs)
    return {
        "optimizer": name,
        "learning_rate": first[0] if name == own else None,
        "knobs": facts.knobs(name),
        **scheduled,
        "epochs": epochs,
        "batch_size": facts.spec("batch_size", (int, str, NoneType)),
        **_transforms(facts, facts.spec("transforms", (list,))),
    }


def _chosen(facts: _Facts, own: str, given: Mapping[str, Any]) -> str:
    """The optimizer given, or else the directory's own, by the rule's name."""
    if "optimizer" in given:
        return find(given["optimizer"]).__name__
    if own not in ALL:
        raise InputError(
            f"'{facts.directory}' is of '{own}', a rule that the command line does not know. Fit it from Python, or "
            "name another with --optimizer."
        )
    return own


def _schedule(facts: _Facts, rate: float, epochs: int) -> dict[str, Any]:
    """The schedule of a fit by its name, and its warm-up."""
    told, steps = facts.spec("schedule", _TEXT), epochs * facts.spec("steps_per_epoch", (int,))
    rise = re.fullmatch(r"Warmup\(.*, steps=(\d+)\)", told)
    warmup = int(rise[1]) if rise else 0
    for name in _SCHEDULES:
        if repr(over_run(name, rate, steps, warmup=warmup)) == told:
            return {"schedule": name, "warmup": warmup}
    raise InputError(
        f"The learning rate in '{facts.directory}' went by {told}, which no option makes. Name another by --schedule."
    )


def _transforms(facts: _Facts, told: Any) -> dict[str, Any]:
    """The gradient transforms that were there as the options that make them; None for the others."""
    options: dict[str, Any] = dict.fromkeys(TRANSFORMS)
    for one in told if isinstance(told, list) else [told]:
        name, number = _made_by(str(one))
        if name is None:
            raise InputError(
                f"The gradients in '{facts.directory}' went through {one}, which no option makes. Fit it from Python."
            )
        options[name] = number
    return options


def _made_by(told: str) -> tuple[str | None, float]:
    """The option that makes a transform, and its number; None where none does.

    >>> _made_by("ClipByValue(limit=0.25)"), _made_by("AddNoise(stddev=0.1, decay=0.3)")[0]
    (('clip_value', 0.25), None)
    """
    written = re.fullmatch(r"\w+\(\w+=(\d[\d.e+-]*).*\)", told)
    for name, make in TRANSFORMS.items():
        with contextlib.suppress(ValueError):  # an InputError is one, too
            if written and repr(make(float(written[1]))) == told:
                return name, float(written[1])
    return None, math.nan


def _network(facts: _Facts, given: Mapping[str, Any]) -> dict[str, Any]:
    """The table's columns, the network and its loss; what is only usual there is left to be found anew."""
    shape, task = facts.spec("network", (dict,)), facts.spec("task", _TEXT)
    target, loss = facts.spec("target", _TEXT), facts.spec("loss", _TEXT)
    if task not in TASKS:
        raise facts.damaged(f"'task' is {task}")
    activation, initializer = (facts.take(shape, name, _TEXT) for name in ("activation", "initializer"))
    if not 0 <= (seed := facts.spec("test_seed", (int,))) < 2**31:
        raise facts.damaged(f"'test_seed' is {seed}")
    usual = Network((), activation).initializer
    another = given.get("target", target) != target or given.get("task", task) != task
    return {
        "target": target,
        "task": None if another else task,
        "loss": None if another or loss == loss_for(task) else loss,
        "weight": facts.spec("weight", _MAYBE_TEXT),
        "class_weight": facts.spec("class_weight", _MAYBE_TEXT),
        "hidden": tuple(facts.take(shape, "hidden", (list,))),
        "activation": activation,
        "initializer": None if initializer == usual else initializer,
        "scale": facts.take(shape, "scale", _NUMBER),
        "validation": facts.spec("validation", _NUMBER),
        "test": facts.spec("test", _NUMBER),
        "test_seed": seed,
    }
