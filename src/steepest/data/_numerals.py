"""Text that spells numbers with thousands separated, and text that nearly spells numbers."""

import polars as pl

# Commas, apostrophes or spaces (plain, no-break, narrow no-break) between groups of three digits, one kind an entry;
# a leading zero separates no thousands, so '0,125' is none.
_MARKS = (",", "'", "’", "[ \u00a0\u202f]")
_GROUPED = rf"^[-+]?[1-9][0-9]{{0,2}}(?:{'|'.join(f'(?:{mark}[0-9]{{3}})+' for mark in _MARKS)})(?:\.[0-9]+)?$"
_ANY_MARK = "[,'’ \u00a0\u202f]"
# What tells a comma between thousands from one that stands for the decimal point: a second one, a point after it, or a
# point that cannot separate thousands in the same column.
_NO_DECIMAL_COMMA = r",[0-9]{3}[,.]|^[-+]?[0-9]*\.(?:[0-9]{1,2}|[0-9]{4,})$"
_ONE_COMMA = r"^[-+]?[0-9]{1,3},[0-9]{3}$"

# A column of so many numbers, and so large a share of them, was meant to hold nothing else.
_NEARLY, _HANDFUL = 0.9, 5


def plain_number(column: pl.Series) -> pl.Series:
    """Text as Float64, NaN and what is no number as null."""
    return column.cast(pl.Float64, strict=False).fill_nan(None)


def grouped_number(column: pl.Series) -> pl.Series:
    """Text as Float64, whether thousands are separated or not; null what is neither.

    >>> grouped_number(pl.Series(["1,234.5", "1 000", "7", "1,23"])).to_list()
    [1234.5, 1000.0, 7.0, None]
    """
    spelled = column.str.contains(_GROUPED).fill_null(False)
    if not spelled.any():
        return plain_number(column)
    return plain_number(column.zip_with(~spelled, column.str.replace_all(_ANY_MARK, "")))


def may_be_decimal_comma(column: pl.Series) -> bool:
    """Whether a comma in this column of numbers may as well be a decimal point.

    >>> may_be_decimal_comma(pl.Series(["1,234", "2"])), may_be_decimal_comma(pl.Series(["1,234", "2,345.5"]))
    (True, False)
    """
    return bool(column.str.contains(_ONE_COMMA).any() and not column.str.contains(_NO_DECIMAL_COMMA).any())


def thousands_note(column: pl.Series, numbers: pl.Series) -> str | None:
    """What to say of a text column that was read as these numbers, where some entry separates thousands."""
    grouped = plain_number(column).is_null() & numbers.is_not_null()
    if not grouped.any():
        return None
    row = grouped.arg_true()[0]
    return f"Column '{column.name}' separates thousands: '{column[row]}' was read as {numbers[row]:.15g}."


def nearly_numbers_note(column: pl.Series, missing: tuple[str, ...]) -> str | None:
    """What to say of a text column that stayed text though nine in ten of its entries, five or more, are numbers.

    missing: the spellings that count as no entry.
    """
    numbers = grouped_number(column)
    entries = column.is_not_null() & ~column.is_in(missing).fill_null(False)
    count, found = int(entries.sum()), int((entries & numbers.is_not_null()).sum())
    meant = "if it is meant to hold numbers."
    if 0 < count == found:
        example = column.filter(column.str.contains(_ONE_COMMA).fill_null(False))[0]
        either = f"{example.replace(',', '')} or {example.replace(',', '.')}"
        return f"Column '{column.name}' was kept as text: '{example}' may mean {either}. Write it so, {meant}"
    if found < max(_HANDFUL, _NEARLY * count):
        return None
    row = (entries & numbers.is_null()).arg_true()[0]
    return (
        f"Column '{column.name}' was kept as text: {found:,} of its {count:,} entries are numbers, but row {row + 1:,} "
        f"is '{column[row]}'. Mend or empty what is no number, {meant}"
    )
