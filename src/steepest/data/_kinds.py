"""The four kinds of column, how each is recognised, and how a later table is held to what was recognised.

number   Float64, missing as null        text   String
boolean  Boolean                         date   Datetime in microseconds, UTC without saying so
"""

import polars as pl

from ..errors import InputError
from ._numerals import grouped_number, may_be_decimal_comma, nearly_numbers_note, plain_number, thousands_note

# Spellings of "missing", the same that skrub knows.
MISSING_TEXT = (
    *("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "null", "NULL", "None", "none", "?", "..."),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
# Among numbers these cannot mean anything else; among words a lone '-' may be a category.
MISSING = (*MISSING_TEXT, "-", "--", ".", "NAN", "Null", "missing")
_TRUTH = {"true": True, "false": False}


def recognise(column: pl.Series) -> tuple[pl.Series, list[str]]:
    """A column as one of the four kinds, with what ``reading_notes`` says about it.

    Text becomes numbers, booleans or dates where every entry that is not missing is one; of dates only ISO 8601's
    spellings, which leave no doubt (others stay text, and the encoder learns theirs). Raises InputError for lists,
    structs and other nested or binary columns, and for infinities.
    """
    parsed = parse(column, dates=True) if column.dtype == pl.String else column
    return cast(parsed, kind_of(parsed)), reading_notes(column, parsed)


def reading_notes(column: pl.Series, parsed: pl.Series) -> list[str]:
    """What was done to text quietly.  parsed: what ``parse`` made of the column.

    A sentence each where spellings of "missing" were taken out, thousands were separated, or it stayed text for a few
    entries' sake.
    """
    if column.dtype != pl.String:
        return []
    if parsed.dtype == pl.String:
        notes = [nearly_numbers_note(column, MISSING)]
    else:
        notes = [_missing_note(column, parsed), thousands_note(column, parsed) if parsed.dtype == pl.Float64 else None]
    return [note for note in notes if note]


def _missing_note(column: pl.Series, parsed: pl.Series) -> str | None:
    spelled = parsed.null_count() - column.null_count()
    if not spelled:
        return None
    example = column.filter(parsed.is_null() & column.is_not_null())[0]
    entries = "1 entry, '{}', was" if spelled == 1 else f"{spelled} entries such as '{{}}' were"
    return f"Column '{column.name}': {entries.format(example)} read as missing."


def kind_of(column: pl.Series) -> str:
    """Which of the four kinds a column's dtype stands for; InputError for any other dtype."""
    dtype = column.dtype
    if dtype.is_numeric() or dtype in (pl.Duration, pl.Time):
        return "number"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return "text"
    if dtype in (pl.Date, pl.Datetime):
        return "date"
    raise InputError(
        f"Column '{column.name}' holds {dtype}, which is neither number, boolean, text nor date. "
        "Leave it out, or spread it over columns of its own."
    )


def parse(column: pl.Series, *, dates: bool = False) -> pl.Series:
    """Text as Int64, Float64 or Boolean (or Datetime, where *dates*) if everything not missing is one, else unchanged.

    Numbers may separate thousands where that leaves no doubt.

    >>> parse(pl.Series(["1", "2", "NA"])).to_list()
    [1, 2, None]
    >>> parse(pl.Series(["1", "two"])).to_list()
    ['1', 'two']
    """
    sample = column.drop_nulls().head(100)  # most columns of words show it here, and a million rows need no parsing
    for read in (_to_integer, plain_number, _to_boolean_word, *([_to_date] if dates else []), grouped_number):
        if _is_whole(sample, read(sample)) and _is_whole(column, parsed := read(column)):
            doubtful = read is grouped_number and may_be_decimal_comma(column)
            return parsed if parsed.null_count() < len(parsed) and not doubtful else column
    return column


def _is_whole(column: pl.Series, parsed: pl.Series) -> bool:
    """Whether nothing was lost between the text and what it was parsed to but spellings of "missing"."""
    return bool(column.filter(parsed.is_null() & column.is_not_null()).is_in(MISSING).all())


def cast(column: pl.Series, kind: str) -> pl.Series:
    """A column as the dtype of its kind, whatever dtype it arrives in.

    Raises InputError with the first entry that is not of that kind, and for infinities.
    """
    column = column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column
    arrives = kind_of(column)
    # Text may spell any kind; what else may stand for what is in _ALSO. A date never stands for a number or a word.
    fits = arrives in (kind, "text") or (kind, arrives) in _ALSO
    result = _CASTS[kind](column) if fits else pl.Series(column.name, [None] * len(column), pl.Null)
    lost = result.is_null() & column.is_not_null()
    if column.dtype == pl.String and kind != "text":
        lost = lost & ~column.is_in(MISSING)
    elif column.dtype.is_float():
        lost = lost & column.is_not_nan()
    if lost.any():
        row = lost.arg_true()[0]
        raise InputError(
            f"Column '{column.name}' should hold {_PLURAL[kind]}, but row {row + 1} is '{column[row]}'. "
            "Mend it, or leave it empty where it is missing."
        )
    return _without_infinities(result) if kind == "number" else result


def _without_infinities(column: pl.Series) -> pl.Series:
    infinite = column.is_infinite()
    if count := infinite.sum():
        raise InputError(
            f"Column '{column.name}' holds {count} infinite value{'s' * (count > 1)}, the first in row "
            f"{infinite.arg_true()[0] + 1}. Replace them by numbers, or leave them empty where they mean missing."
        )
    return column


def _to_integer(column: pl.Series) -> pl.Series:
    return column.cast(pl.Int64, strict=False)


def _to_number(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Duration:
        return column.dt.total_microseconds() / 1e6  # seconds
    if column.dtype == pl.Time:
        return column.cast(pl.Int64) / 1e9  # nanoseconds since midnight, to seconds
    if column.dtype == pl.String and not may_be_decimal_comma(column):
        return grouped_number(column)
    return plain_number(column)


def _to_boolean_word(column: pl.Series) -> pl.Series:
    return column.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)


def _to_boolean(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    words = column.cast(pl.String).str.replace(r"^([01])\.0$", "$1")
    return words.str.to_lowercase().replace_strict(
        _TRUTH | {"1": True, "0": False}, default=None, return_dtype=pl.Boolean
    )


def _to_date(column: pl.Series) -> pl.Series:
    if column.dtype != pl.String:
        return _without_zone(column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None))))
    found = pl.Series(column.name, [None] * len(column), pl.Datetime("us"))
    for spelling in _ISO_8601:
        dates = _without_zone(column.str.to_datetime(spelling, time_unit="us", strict=False))
        found = pl.select(pl.coalesce(found, dates)).to_series()
    return found.alias(column.name)


def _without_zone(column: pl.Series) -> pl.Series:
    if getattr(column.dtype, "time_zone", None) is None:
        return column
    return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _to_text(column: pl.Series) -> pl.Series:
    return (_to_number(column) if column.dtype in (pl.Duration, pl.Time) else column).cast(pl.String)


_ISO_8601 = ("%Y-%m-%d", *(f"%Y-%m-%d{t}%H:%M{s}" for t in "T " for s in ("", ":%S%.f", ":%S%.f%#z")))
_CASTS = {"number": _to_number, "boolean": _to_boolean, "date": _to_date, "text": _to_text}
_ALSO = {("number", "boolean"), ("boolean", "number"), ("text", "number"), ("text", "boolean")}
_PLURAL = {"number": "numbers", "boolean": "true or false", "date": "dates", "text": "text"}
