"""``steepest landscape``."""

import inspect
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from ..errors import InputError, nearest
from ..functions import FUNCTIONS, Surface
from ..landscapes import MOVING, Between, Landscape, check_suffix, landscape
from ..problems import NetworkProblem
from ..reports import read
from ..training import Run
from . import _options as options
from ._progress import Line, progress
from ._reopen import reopen

_USUAL, _STEPS = "sgd,momentum,adam", 300


def run_landscape(
    what: str, *, out: Path | None, quiet: bool, optimizers: str | None, dimensions: int | None, data: str | None,
    between: Path | None, steps: int | None, **plane: Any,
) -> None:  # fmt: skip
    """Draw a test function, or the loss around the model of a run directory.

    plane: what ``landscape`` takes as it is: directions, points, span, rows, seed.
    """
    console = Console(highlight=False, soft_wrap=True)
    place = out or Path(f"landscape-{Path(what).resolve().name}.html")
    check_suffix(place)
    with progress(console, 1, "done", quiet=quiet) as line:
        if what in FUNCTIONS and not Path(what).is_dir():
            _refuse(f"{what} is a function", data=data, between=between)
            seen: Landscape | Between = _of_function(_surface(what, dimensions), optimizers, steps, line, plane)
        else:
            _refuse("A run directory has its own", dimensions=dimensions, steps=steps)
            _check_plane(place, between, optimizers, plane)
            seen = _around(_Where(what, data, between), options.listed(optimizers) or [], line, plane)
        line.show(1, "drawing")
        seen.save(place)
    console.print(seen.text, markup=False)
    console.print(f"Drawn: {place}", markup=False)


def _of_function(
    surface: Surface, optimizers: str | None, steps: int | None, line: Line, plane: dict[str, Any]
) -> Landscape:
    """The landscape of a function with the ways of the optimizers that were listed, the usual ones, or none."""
    chosen = options.listed(_USUAL if optimizers is None else optimizers) or []
    chosen = [] if chosen == ["none"] else chosen

    def watch(done: int, of: int) -> None:
        line.show(done, f"step {done - 1} of {of - 1}")

    return landscape(surface, chosen, steps=_STEPS if steps is None else steps, watch=watch, **plane)


def _check_plane(place: Path, between: Path | None, optimizers: str | None, plane: dict[str, Any]) -> None:
    """Refuse before anything is trained what the picture asked for would leave out."""
    directions = plane["directions"]
    if between is not None:
        _refuse("Between two models is a line", directions=directions, optimizers=optimizers, span=plane["span"])
    if directions in ("random", "hessian"):
        why = f"Ways are drawn on the plane of their path, not along {directions} directions"
        _refuse(why, optimizers=optimizers)
        if place.suffix.lower() in MOVING:
            raise InputError(f"Nothing moves along {directions} directions. Save it as .html, .png, .svg or .pdf.")


def _surface(name: str, dimensions: int | None) -> Surface:
    """The function of a name, of so many dimensions where it takes any number of them."""
    make = FUNCTIONS[name]
    if dimensions is None:
        return make()
    word = next((one for one in ("dimensions", "depth") if one in inspect.signature(make).parameters), None)
    if word is None:
        raise InputError(f"{name} has {make().dimensions} dimensions and no other. Leave --dimensions out.")
    return make(**{word: dimensions})


class _Where(NamedTuple):
    """A run directory, where its table is now, and another run directory; None where not given."""

    what: str
    data: str | None
    between: Path | None


def _around(where: _Where, optimizers: list[str], line: Line, plane: dict[str, Any]) -> Landscape | Between:
    """The landscape around the model of a directory, or from it to that of another."""
    what, data, between = where
    if not Path(what).is_dir():
        raise InputError(
            f"There is no test function and no directory '{what}'.{nearest(what, FUNCTIONS)} Give a directory that "
            f"`steepest fit` or `steepest race` wrote, or one of {', '.join(FUNCTIONS)}."
        )
    run = _again(Path(what), data, line)
    if between is None:

        def watch(done: int, of: int) -> None:
            line.show(done, f"the way, point {done} of {of}")

        return landscape(run.problem, optimizers, around=run, watch=watch, **plane)
    other = _again(between, data, line)
    tables = {one.problem.table.fingerprint for one in (run, other) if isinstance(one.problem, NetworkProblem)}
    if len(tables) > 1:
        raise InputError(f"'{what}' and '{between}' were trained on different tables. Give two of one table.")
    return landscape(run.problem, around=run, between=other, points=plane["points"], rows=plane["rows"])


def _again(directory: Path, data: str | None, line: Line) -> Run:
    """The run of a directory, trained again."""

    def told(epoch: int, epochs: int, loss: float) -> None:
        line.show(epoch, f"training again, epoch {epoch} of {epochs}, loss {loss:.4g}")

    return reopen(read(directory, need_curves=False), data, None, told).run


def _refuse(why: str, **given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{why}: leave --{name} out.")
