"""Tables that tests of several parts share."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from .bench_tools import scripts
from .tables import mixed_table as build_mixed_table

bench = pytest.fixture(scope="module")(scripts)


@pytest.fixture
def mixed_table() -> Callable[..., pl.DataFrame]:
    """``mixed_table(rows=300, seed=0)``: see tables.py."""
    return build_mixed_table


@pytest.fixture
def mixed_csv(tmp_path: Path) -> Path:
    """The mixed table of 300 rows as a CSV file; targets ``price`` and ``level``."""
    path = tmp_path / "mixed.csv"
    build_mixed_table().write_csv(path)
    return path


# Programs of their own, which tests start with a backend to try.
collect_ignore = ["keras_driver.py", "keras_features.py", "keras_process.py", "convert_driver.py"]
