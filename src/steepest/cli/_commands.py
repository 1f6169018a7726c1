"""The commands: each parses, calls one verb, prints."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from . import _options as options

app = typer.Typer(
    help="Gradient-based learning: which optimizer, at which learning rate, on your own data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def fit(
    context: typer.Context,
    data: options.Data,
    target: options.Target = None,
    optimizer: Annotated[str, typer.Option(help="Such as adam or sgd.")] = "adam",
    learning_rate: Annotated[float | None, typer.Option(help="The optimizer's usual one if not given.")] = None,
    schedule: Annotated[
        str, typer.Option(help="constant, linear, cosine, polynomial, exponential, steps or inverse-time.")
    ] = "constant",
    warmup: Annotated[int, typer.Option(help="Steps over which the learning rate rises first.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter, such as b1=0.8.")
    ] = None,
    clip_norm: Annotated[float | None, typer.Option(help="Clip the gradient's global norm to this.")] = None,
    clip_value: Annotated[float | None, typer.Option(help="Clip each entry of the gradient to this.")] = None,
    noise: Annotated[float | None, typer.Option(help="Standard deviation of noise added to the gradient.")] = None,
    sampling: Annotated[str, typer.Option(help="shuffled or replacement: how minibatches are drawn.")] = "shuffled",
    task: options.Task = None,
    weight: options.Weight = None,
    class_weight: options.ClassWeight = None,
    hidden: options.Hidden = "128",
    activation: options.Activation = "relu",
    initializer: options.Initializer = None,
    scale: options.Scale = 1.0,
    loss: options.Loss = None,
    epochs: options.Epochs = 100,
    batch_size: options.BatchSize = None,
    patience: options.Patience = 10,
    seed: Annotated[int, typer.Option(help="Fixes the split, the start and the minibatches.")] = 0,
    like: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Train as the race in DIR recommends, or as its fit did; options given win."),
    ] = None,
    out: options.Out = None,
    hill_climb: Annotated[
        bool, typer.Option("--hill-climb", help="Afterwards try widths, depths and batch sizes around the network.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look on at every step, and say at the end why it went as it did.")
    ] = False,
    remedy: Annotated[
        bool, typer.Option("--remedy", help="Do what the diagnosis suggests, train again, and keep the better.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a feedforward network on a table and keep it."""
    asked = _given({name: value for name, value in locals().items() if name != "context"})
    from ._fit import run_fit

    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = frozenset(name for name, source in sources.items() if source and source.name != "DEFAULT")
    run_fit(**asked, given=given)


@app.command()
def race(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="A table or more: CSV, TSV, Parquet or Arrow files, or digits, breast-cancer, wine, iris, diabetes.",
            show_default=False,
        ),
    ],
    target: options.Target = None,
    optimizers: Annotated[str | None, typer.Option(help="Such as adam,sgd; all nine if not given.")] = None,
    learning_rates: Annotated[
        str, typer.Option(help="How many half decades around each one's usual rate, or the rates themselves.")
    ] = "13",
    seeds: Annotated[str, typer.Option(help="How many seeds to tune on, or which, such as 0,1,5.")] = "3",
    search: Annotated[
        str | None,
        typer.Option(
            help="Also search momentum, b1, b2, decay, epsilon or weight_decay, or several such as b2,epsilon."
        ),
    ] = None,
    confirm_seeds: Annotated[
        str, typer.Option(help="How many fresh seeds to confirm the chosen rates on, or which; 0 for none.")
    ] = "10",
    add_seeds: Annotated[
        int, typer.Option(metavar="N", help="Confirm the race in --out on N more seeds; run those only.")
    ] = 0,
    task: options.Task = None,
    weight: options.Weight = None,
    class_weight: options.ClassWeight = None,
    hidden: options.Hidden = "128",
    activation: options.Activation = "relu",
    initializer: options.Initializer = None,
    scale: options.Scale = 1.0,
    loss: options.Loss = None,
    epochs: options.Epochs = 100,
    batch_size: options.BatchSize = None,
    patience: options.Patience = 10,
    full: Annotated[
        bool, typer.Option("--full", help="Run every rate to its end, also those that cannot win.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the race in --out, which was killed or interrupted.")
    ] = False,
    out: options.Out = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and how long it takes, and stop.")
    ] = False,
    diagnosis: Annotated[
        bool, typer.Option(help="Afterwards say why the winner, and a run of each kind of failure, went as they did.")
    ] = True,
    quiet: options.Quiet = False,
) -> None:
    """Race every optimizer over learning rates and seeds; says which to use and leaves the trained model.

    With several tables a race of each, and who is nearly the quickest over all of them.
    """
    from ._races import run_races

    run_races(**_given(locals()))


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="What fit or race wrote.", show_default=False)],
    data: options.Data,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A .csv, .tsv or .parquet file to write.")] = Path(
        "predictions.csv"
    ),
    quiet: options.Quiet = False,
) -> None:
    """Predict the target of a table's rows with a trained model."""
    from ._predict import run_predict

    run_predict(model, data, out, quiet)


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What fit or race wrote.", show_default=False)],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the leaderboard as Markdown instead.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print it as LaTeX instead, for booktabs.")] = False,
) -> None:
    """Draw the report of a run directory again, or print its leaderboard as a table for papers."""
    from ._report import run_report

    run_report(directory, markdown=markdown, latex=latex)


@app.command()
def compare(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR DIR...", help="Races on one table.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="An .html file to draw it in.")] = None,
) -> None:
    """Say who wins in each of several races on one table, and where they differ."""
    from ._compare import run_compare

    run_compare(directories, out)


@app.command()
def diagnose(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What fit or race wrote.", show_default=False)],
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="The table, where it is no longer where it was read.")
    ] = None,
    run: Annotated[
        int | None, typer.Option(metavar="N", help="Which run of a race; that of its model if not given.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="About how long to train others beside it.")] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Say why a run goes badly, or that it does not: with what decided, and what to do next."""
    from ._diagnose import run_diagnose

    run_diagnose(directory, data=data, run=run, seconds=seconds, as_json=json, quiet=quiet)


@app.command()
def dialects(
    optimizer: Annotated[
        str | None,
        typer.Argument(metavar="[OPTIMIZER]", help="Such as adam, by any framework's name.", show_default=False),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Draw how far they walk apart on a small problem.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where --show writes its page.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Say what each framework means by an optimizer's name."""
    from ._dialects import run_dialects

    run_dialects(optimizer, as_json=json, show=show, out=out)


@app.command()
def landscape(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR",
            help="A test function such as rosenbrock, or what fit or race wrote.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An .html, .png, .svg, .pdf, .gif or .mp4 file.  [default: an .html file]"),
    ] = None,
    optimizers: Annotated[
        str | None, typer.Option(help="Whose ways to draw, such as adam,sgd; none for the bare function.")
    ] = None,
    directions: Annotated[str | None, typer.Option(help="path, random or hessian: of the plane.")] = None,
    between: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Another run: the loss on the straight way to it.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="How many each optimizer takes on a function; 300 if not given.")
    ] = None,
    dimensions: Annotated[int | None, typer.Option(help="Of a function that takes any number of them.")] = None,
    points: Annotated[int, typer.Option(help="Of the grid, along each side.")] = 101,
    span: Annotated[float | None, typer.Option(help="Half the width of the plane.")] = None,
    rows: Annotated[int, typer.Option(help="Training rows that stand for all; 0 takes all.")] = 1000,
    data: Annotated[str | None, typer.Option(metavar="DATA", help="Where the run's table is now.")] = None,
    seed: Annotated[int, typer.Option(help="Draws random starts and directions.")] = 0,
    quiet: options.Quiet = False,
) -> None:
    """Draw what a loss looks like, and how optimizers go through it."""
    from ._landscape import run_landscape

    run_landscape(
        what, out=out, quiet=quiet, optimizers=optimizers, dimensions=dimensions, data=data, between=between,
        steps=steps, directions=directions, points=points, span=span, rows=rows or None, seed=options.seed(seed),
    )  # fmt: skip


@app.command()
def figures(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Such as saddle; all if not given.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to draw them.")] = Path("figures"),
    format_: Annotated[str, typer.Option("--format", help="png, svg or pdf.")] = "png",
    quiet: options.Quiet = False,
) -> None:
    """Draw the figures of a lecture on gradient-based learning, each computed by the library itself."""
    from ._figures import run_figures

    run_figures(names or [], out, format_, quiet)


def _given(arguments: dict) -> dict:
    """A command's arguments as its verb wants them, with the line that repeats it."""
    given = {name: value for name, value in arguments.items() if not name.startswith("run_")}
    if given["patience"] < 0:
        raise InputError(
            f"--patience must be 0 or more; received {given['patience']}. Try 10, or 0 to never stop early."
        )
    given["patience"] = given["patience"] or None
    given["batch_size"] = options.batch(given["batch_size"])
    given["hidden"] = options.hidden_units(given["hidden"])
    if "seed" in given:
        given["seed"] = options.seed(given["seed"])
    return {**given, "command": f"steepest {shlex.join(sys.argv[1:])}"}
