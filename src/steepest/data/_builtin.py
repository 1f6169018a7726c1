"""Five real tables that come with scikit-learn, so that everything can be tried without a file."""

import polars as pl

from ..errors import unknown

BUILT_IN = ("digits", "breast-cancer", "wine", "iris", "diabetes")
TARGET = "target"


def builtin(name: str) -> pl.DataFrame:
    """One of the built-in tables; the column to predict is named ``target``.

    name: one of ``BUILT_IN``. Classes are given by their names (digits: the integers 0 to 9), measurements in their
    own units. Raises InputError for any other name.
    Source: scikit-learn's bundled data sets, described at https://scikit-learn.org/stable/datasets/toy_dataset.html.
    """
    if name not in BUILT_IN:
        raise unknown("built-in table", name, BUILT_IN)
    from sklearn import datasets

    load = getattr(datasets, f"load_{name.replace('-', '_')}")
    # The diabetes table comes standardised unless told otherwise; here a column keeps its unit until it is encoded.
    bunch = load(scaled=False) if name == "diabetes" else load()
    frame = pl.DataFrame(bunch.data, schema=[str(column) for column in bunch.feature_names])
    named = name in ("breast-cancer", "wine", "iris")
    target = [str(bunch.target_names[code]) for code in bunch.target] if named else bunch.target
    return frame.with_columns(pl.Series(TARGET, target))
