"""Where tables come from: a file by its suffix, a built-in name, or a data frame."""

import contextlib
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from ..errors import InputError, nearest
from ._builtin import BUILT_IN, TARGET, builtin
from ._csv import read_csv, refuse_repeats


class Table(NamedTuple):
    """What was found at a source, before anything is known about its columns' meaning.

    name: what results call it.  path: the file, where it comes from one.
    """

    frame: pl.DataFrame
    name: str
    notes: list[str]
    target: str | None = None
    path: Path | None = None

    @property
    def source(self) -> str:
        """What a complaint calls it: the file, or its name."""
        return self.name if self.path is None else str(self.path)


def load(source: Any) -> Table:
    """Read a table; text files arrive as strings throughout.

    source: a path, one of ``BUILT_IN``, or a Polars or pandas DataFrame.
    Raises InputError where there is no such file, it is of an unknown kind, or it cannot be read.
    """
    if isinstance(source, pl.DataFrame):
        table = Table(source, "table", [])
    elif _is_pandas(source):
        table = Table(_from_pandas(source), "table", [])
    elif isinstance(source, str) and source in BUILT_IN:
        table = Table(builtin(source), source, [], TARGET)
    elif isinstance(source, (str, Path)):
        table = _load_file(Path(source))
    else:
        raise InputError(
            f"A table is a path, one of {', '.join(BUILT_IN)}, or a Polars or pandas DataFrame; "
            f"received {type(source).__module__}.{type(source).__name__}."
        )
    if "" in table.frame.columns:
        raise InputError(f"Column {table.frame.columns.index('') + 1} of {table.source} has no name. Name it.")
    return table


def _is_pandas(source: Any) -> bool:
    pandas = sys.modules.get("pandas")  # whoever holds a pandas frame has imported it; nobody else should have to
    return pandas is not None and isinstance(source, pandas.DataFrame)


def _from_pandas(source: Any) -> pl.DataFrame:
    twice = source.columns[source.columns.duplicated()]
    if len(twice):
        raise InputError(f"The DataFrame has more than one column named '{twice[0]}'. Give each a name of its own.")
    columns = {}
    for name, column in source.items():
        try:
            columns[str(name)] = pl.from_pandas(column)
        except Exception as error:  # Arrow, Polars and pandas each have their own for a column of mixed kinds
            raise InputError(f"Column '{name}' mixes kinds of value ({error}). Make them alike first.") from None
    return pl.DataFrame(columns)


def _load_file(path: Path) -> Table:
    if path.suffix.lower() not in _READERS and not path.is_dir() and (path.suffix or path.exists()):
        raise InputError(f"{path} has suffix '{path.suffix}'; the kinds of file read are {', '.join(_READERS)}.")
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory. Give one file in it: {', '.join(_READERS)}.")
        if not path.exists():
            raise _missing(path)
        frame, notes = _READERS[path.suffix.lower()](path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    return Table(frame, path.stem, notes, path=path)


def _missing(path: Path) -> InputError:
    if not path.suffix and path.parent == Path():
        return InputError(
            f"There is no table '{path}'.{nearest(str(path), [*BUILT_IN, *_files(path.parent)])} "
            f"Give a file or one of {', '.join(BUILT_IN)}."
        )
    return InputError(f"There is no file {path}.{nearest(path.name, _files(path.parent))}")


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix.lower() in _READERS] if folder.is_dir() else []


def _read_binary(
    kind: str, columns: Callable[[BytesIO], list[str]], *readers: Callable[[BytesIO], pl.DataFrame]
) -> Callable[[Path], tuple]:
    """A reader of one of Arrow's binary kinds of file; the first of *readers* that succeeds is right.

    columns: the names in a file, which Polars asks to differ: it panics or speaks of something else where they do not.
    """

    def read(path: Path) -> tuple[pl.DataFrame, list[str]]:
        data = path.read_bytes()
        if not data:
            raise InputError(f"{path} is empty. Write it again.")
        names: list[str] = []
        with contextlib.suppress(Exception):  # a broken file is the readers' to explain
            names = columns(BytesIO(data))
        refuse_repeats(path, names)
        for reader in readers:
            try:
                return reader(BytesIO(data)), []
            # A broken file raises anything from ComputeError to a Rust panic, which is no Exception.
            except (Exception, pl.exceptions.PanicException) as error:
                reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path} cannot be read as {kind} ({reason}). It may be cut short: write it again.")

    return read


def _parquet_columns(file: BytesIO) -> list[str]:
    from pyarrow import parquet

    return list(parquet.read_schema(file).names)


def _arrow_columns(file: BytesIO) -> list[str]:
    from pyarrow import ipc

    is_file = file.getbuffer()[:6] == b"ARROW1"
    return list((ipc.open_file if is_file else ipc.open_stream)(file).schema.names)


_read_arrow = _read_binary("Arrow", _arrow_columns, pl.read_ipc, pl.read_ipc_stream)
_READERS: dict[str, Callable[[Path], tuple[pl.DataFrame, list[str]]]] = {
    ".csv": lambda path: read_csv(path, ","),
    ".tsv": lambda path: read_csv(path, "\t"),
    ".parquet": _read_binary("Parquet", _parquet_columns, pl.read_parquet),
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
    ".ipc": _read_arrow,
}
