"""The four kinds of column, how each is recognised, and how a later table is held to what was recognised.

number   Float64, missing as null        text   String
boolean  Boolean                         date   Datetime in microseconds, UTC without saying so
"""

import polars as pl

from ..errors import InputError

# Spellings of "missing", the same that skrub knows.
MISSING_TEXT = (
    *("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "null", "NULL", "None", "none", "?", "..."),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
# Among numbers these cannot mean anything else; among words a lone '-' may be a category.
MISSING = (*MISSING_TEXT, "-", "--", ".", "NAN", "Null", "missing")
_TRUTH = {"true": True, "false": False}


def recognise(column: pl.Series) -> tuple[pl.Series, str | None]:
    """A column as one of the four kinds, with a note where spellings of "missing" were taken out of numbers.

    Text becomes numbers, or booleans, where every entry that is not missing is one. Raises InputError for lists,
    structs and other nested or binary columns, and for infinities.
    """
    if column.dtype == pl.String:
        parsed = parse(column)
        spelled = parsed.null_count() - column.null_count()
        example = column.filter(parsed.is_null() & column.is_not_null()).head(1).to_list()
        note = (
            f"Column '{column.name}': {spelled} entries such as '{example[0]}' were read as missing."
            if spelled
            else None
        )
        column = parsed
    else:
        note = None
    kind = kind_of(column)
    return cast(column, kind), note


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


def parse(column: pl.Series) -> pl.Series:
    """Text as Int64, Float64 or Boolean where everything not missing is one; otherwise unchanged.

    >>> parse(pl.Series(["1", "2", "NA"])).to_list()
    [1, 2, None]
    >>> parse(pl.Series(["1", "two"])).to_list()
    ['1', 'two']
    """
    for dtype in (pl.Int64, pl.Float64):
        numbers = column.cast(dtype, strict=False)
        if _is_whole(column, numbers):
            numbers = numbers.fill_nan(None) if dtype == pl.Float64 else numbers
            return numbers if numbers.null_count() < len(numbers) else column
    truths = column.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
    return truths if _is_whole(column, truths) else column


def _is_whole(column: pl.Series, parsed: pl.Series) -> bool:
    """Whether nothing was lost between the text and what it was parsed to but spellings of "missing"."""
    # Most columns of words show it in their first rows; the rest of a million need not be looked at.
    lost = column.filter(parsed.is_null() & column.is_not_null())
    return bool(lost.head(100).is_in(MISSING).all()) and bool(lost.is_in(MISSING).all())


def cast(column: pl.Series, kind: str) -> pl.Series:
    """A column as the dtype of its kind, whatever dtype it arrives in.

    Raises InputError with the first entry that is not of that kind, and for infinities.
    """
    result = _CASTS[kind](column)
    lost = result.is_null() & column.is_not_null()
    if kind in ("number", "date", "boolean") and column.dtype == pl.String:
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


def _to_number(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Duration:
        return column.dt.total_microseconds() / 1e6  # seconds
    if column.dtype == pl.Time:
        return column.cast(pl.Int64) / 1e9  # nanoseconds since midnight, to seconds
    if column.dtype in (pl.Date, pl.Datetime):
        return pl.Series(column.name, [None] * len(column), pl.Float64)
    return column.cast(pl.Float64, strict=False).fill_nan(None)


def _to_boolean(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        truths = column.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
        return truths.fill_null(_to_boolean(column.cast(pl.Float64, strict=False)))
    if column.dtype.is_numeric():
        return column.replace_strict({0: False, 1: True}, default=None, return_dtype=pl.Boolean)
    return column.cast(pl.Boolean, strict=False)


def _to_date(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column.str.to_datetime(time_unit="us", strict=False, ambiguous="null")
    if column.dtype == pl.Datetime and column.dtype.time_zone is not None:  # type: ignore[attr-defined]
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if column.dtype not in (pl.Date, pl.Datetime):
        return pl.Series(column.name, [None] * len(column), pl.Datetime("us"))
    return column.cast(pl.Datetime("us"))


_CASTS = {
    "number": _to_number,
    "boolean": _to_boolean,
    "date": _to_date,
    "text": lambda column: column.cast(pl.String, strict=False),
}
_PLURAL = {"number": "numbers", "boolean": "true or false", "date": "dates", "text": "text"}
