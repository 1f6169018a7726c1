"""Delimited text to a table of strings: what each column means is decided later, by one place for every file format."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

# A row has to fit in one block of the parser; its own default of 1 MB is too little for rows of many thousand columns.
_BLOCK_BYTES = 1 << 22
# UTF-32 stands first because its little-endian mark begins with UTF-16's.
_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\xef\xbb\xbf": "UTF-8-sig",
}


def read_csv(path: Path, separator: str) -> tuple[pl.DataFrame, list[str]]:
    """Read delimited text as strings, spaces around them removed and empty cells null.

    separator: the one that the file's name promises; where the header holds none of it but does hold another, that
    one is used, and a note says so.
    Returns the table and the notes. Raises InputError for anything but a proper table, with the line where it breaks.
    """
    data, notes = _utf8(path, path.read_bytes())
    if not data.strip():
        raise InputError(f"{path} is empty. Give a file with a header line and one line a row.")
    found = _separator(_header(path, data, separator), separator)
    if found != separator:
        notes.append(f"{path.name} is separated by {_spell(found)} and was read so.")
    if unclosed := _unclosed_quote(path, data, found):
        raise unclosed
    header = [name.strip() for name in _header(path, data, found)]
    _check_header(path, header)
    frame = _parse(path, data, header, found)
    if found == ";":
        frame, columns = _decimal_points(frame)
        notes += [f"Decimal commas were read as points in column '{column}'." for column in columns]
    return frame, notes


def _utf8(path: Path, data: bytes) -> tuple[bytes, list[str]]:
    """The bytes as UTF-8 without a byte-order mark, and a note where they were something else."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError as error:
                raise InputError(f"{path} starts as {encoding} but does not go on so: {error.reason}.") from None
            data = text.encode()
            notes = [] if encoding == "UTF-8-sig" else [f"{path.name} is {encoding} text and was read so."]
            break
    else:
        notes = []
    if (place := data.find(b"\0")) >= 0:
        raise InputError(
            f"{path} is not text: byte {place + 1} is NUL. Give a text file, or rename it to what it is, as .parquet."
        )
    return data, notes


def _rows(data: bytes, separator: str, *, strict: bool = False) -> Any:
    """The csv module's reader: slow, but it knows the line it stands on.  strict: whether quotes must pair."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    return csv.reader(text, delimiter=separator, strict=strict)


def _unclosed_quote(path: Path, data: bytes, separator: str) -> InputError | None:
    """The error for a quote that swallows what follows it, which no parser calls by its name.

    One within an unquoted value, as in 5" pipe, swallows nothing.
    """
    if data.count(b'"') % 2 == 0:
        return None
    rows, line = _rows(data, separator, strict=True), 1
    try:
        for _ in rows:
            line = rows.line_num + 1
    except UnicodeDecodeError:
        return None
    except csv.Error:
        return InputError(
            f"{path} has a quote that is never closed, opened on line {line}. "
            "Close it, or double quotes that are meant as such."
        )
    return None


def _header(path: Path, data: bytes, separator: str) -> list[str]:
    try:
        return next(row for row in _rows(data, separator) if row)
    except UnicodeDecodeError:
        raise _wrong_encoding(path, data) from None
    except csv.Error as error:
        unclosed = _unclosed_quote(path, data, separator)
        raise unclosed or InputError(f"The header of {path} cannot be read: {error}.") from None


def _separator(header: list[str], promised: str) -> str:
    if len(header) > 1:
        return promised
    return max((";", "\t", ","), key=lambda mark: (header[0].count(mark), mark == promised))


def _spell(separator: str) -> str:
    return "tabs" if separator == "\t" else f"'{separator}'"


def _check_header(path: Path, header: list[str]) -> None:
    if "" in header:
        raise InputError(
            f"Column {header.index('') + 1} of {path} has no name in the header. "
            "Name it, or leave it out (pandas writes such a column unless told index=False)."
        )
    refuse_repeats(path, header)


def refuse_repeats(path: Path, names: list[str]) -> None:
    """Raise InputError where two columns share a name."""
    seen: set[str] = set()
    twice = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    if twice:
        raise InputError(f"{path} has more than one column named '{twice[0]}'. Give each column a name of its own.")


def _parse(path: Path, data: bytes, header: list[str], separator: str) -> pl.DataFrame:
    """Parse with Arrow, which is fast and, unlike Polars, refuses a row that is too short."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(data.lstrip(b"\r\n")),  # empty lines before the header would be skipped in its place
            arrow_csv.ReadOptions(column_names=header, skip_rows_after_names=1, block_size=_BLOCK_BYTES),
            # Only quotes can hide a line break, and to look out for one costs four times the time.
            arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in data),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        raise _explain(path, data, len(header), separator, error) from None
    return pl.DataFrame(pl.from_arrow(table)).with_columns(pl.all().str.strip_chars().replace("", None))


def _explain(path: Path, data: bytes, width: int, separator: str, error: "pa.ArrowInvalid") -> InputError:
    """What Arrow could not read, with the line in the file."""
    rows = _rows(data, separator)
    try:
        for row in rows:
            if row and len(row) != width:
                fields = f"{len(row)} field{'s' * (len(row) != 1)}"
                return InputError(
                    f"Line {rows.line_num} of {path} has {fields}, the header {width}. Mend that line; "
                    f'a value that holds {_spell(separator)} needs "quotes".'
                )
    except UnicodeDecodeError:
        return _wrong_encoding(path, data)
    except csv.Error as reason:
        return InputError(f"Line {rows.line_num} of {path} cannot be read: {reason}.")
    return InputError(f"{path} cannot be read as a table: {error}.")


def _wrong_encoding(path: Path, data: bytes) -> InputError:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return InputError(
            f"{path} is not UTF-8: byte 0x{data[error.start]:02x} on line {line}. Convert it first, "
            f"as with `iconv -f latin1 -t utf-8 {path.name}` where it is Latin-1."
        )
    return InputError(f"{path} cannot be decoded as UTF-8.")


def _decimal_points(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Where ';' separates, a comma often stands for the decimal point: mend columns that hold nothing but numbers."""
    number = r"^[-+]?\d*,?\d+([eE][-+]?\d+)?$"
    mended = [
        column.name
        for column in frame
        if column.str.contains(number).all() and column.str.contains(",", literal=True).any()
    ]
    return frame.with_columns(pl.col(mended).str.replace(",", ".", literal=True)), mended
