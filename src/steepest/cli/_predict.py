"""``steepest predict``."""

import sys
import warnings
from pathlib import Path

import polars as pl
from rich.console import Console

from ..data import read_features
from ..errors import InputError
from ..files import new_file
from ..problems import Model
from ._table import counted

_WRITERS = {
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".parquet": lambda frame, path: frame.write_parquet(path),
}


def run_predict(directory: Path, data: str, out: Path, quiet: bool) -> None:
    """Write a prediction a row, and for classes the probability of each."""
    write = _WRITERS.get(out.suffix.lower())
    if write is None:
        raise InputError(f"Predictions go to a .csv, .tsv or .parquet file; received --out '{out}'.")
    if out.exists():
        raise InputError(f"'{out}' exists already. Give another --out, or remove it first.")
    model = Model.load(directory)
    features = read_features(data, model.encoder)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        predicted = predictions(model, features)
    with new_file(out) as temporary:
        write(predicted, temporary)
    for warning in told:
        print(warning.message, file=sys.stderr)
    if not quiet:
        rows = counted(features.height, "row")
        Console(highlight=False, soft_wrap=True).print(f"{rows} of '{model.target_name}' predicted: {out}")


def predictions(model: Model, features: pl.DataFrame) -> pl.DataFrame:
    """The column ``prediction``, and for classes ``probability of X`` for each class X."""
    if model.task == "regression":
        return pl.DataFrame({"prediction": model.predict(features)})
    probabilities = model.predict_probabilities(features)
    labels = model.target.decode(probabilities.argmax(axis=1))
    columns = {f"probability of {name}": probabilities[:, i] for i, name in enumerate(model.target.classes)}
    return pl.DataFrame({"prediction": labels, **columns})
