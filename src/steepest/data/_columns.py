"""What is learned from a column of words or dates, as plain data: a file of it can be loaded without trusting it.

skrub's TableVectorizer decides and learns (``learn``); what it learned is kept here in four small forms, each with the
same ``encode``. Storing skrub's own objects was the other way: that means a whitelist of thirty of their inner types,
and 40 MB for a column whose text has 8,000 n-grams.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl

NGRAMS, ANALYZER = (3, 4), "char_wb"
# Below this many distinct values a column is categories, from here on it is text: skrub's own threshold.
CATEGORIES_BELOW = 40


class ColumnCode(Protocol):
    """How one column becomes several numbers."""

    def names(self, column: str) -> list[str]:
        """The names of the numbers, for a column of this name."""

    def encode(self, column: pl.Series) -> np.ndarray:
        """float64 (rows, names); NaN where nothing is known."""


_DATE_FIELDS = (
    "year", "month", "day", "hour", "minute", "second", "microsecond", "nanosecond", "weekday", "ordinal_day",
    "total_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Categories:
    """One number a category: 1 in the rows that hold it.  values: the categories; None stands for missing.

    dropped: of two categories the one that has no number, since the other's tells.
    A category that was not there when learning has 0 everywhere.

    >>> Categories(("red", None)).encode(pl.Series(["red", None, "mauve"])).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """

    values: tuple[str | None, ...]
    dropped: tuple[str, ...] = ()

    def names(self, column: str) -> list[str]:
        """``column is value``, each."""
        return [f"{column} is {'missing' if value is None else value}" for value in self.values]

    def encode(self, column: pl.Series) -> np.ndarray:
        """float64 (rows, values)."""
        held = [column.is_null() if value is None else column == value for value in self.values]
        return np.stack([rows.fill_null(False).to_numpy() for rows in held], axis=1).astype(np.float64)

    def unseen(self, column: pl.Series) -> pl.Series:
        """The entries that were not there when learning."""
        known = [value for value in (*self.values, *self.dropped) if value is not None]
        return column.filter(column.is_not_null() & ~column.is_in(known).fill_null(False))


@dataclass(frozen=True)
class Dates:
    """A date's parts.  fields: ``year``...; ``total_seconds`` since 1970.  format: how text spells dates."""

    fields: tuple[str, ...]
    format: str | None = None

    def names(self, column: str) -> list[str]:
        """``column field``, each."""
        return [f"{column} {field}" for field in self.fields]

    def encode(self, column: pl.Series) -> np.ndarray:
        """float64 (rows, fields); NaN where the date is missing or cannot be read."""
        if self.format is not None:
            column = column.str.to_datetime(self.format, strict=False, time_unit="us", ambiguous="null")
        return np.stack([self._field(column, field).cast(pl.Float64).to_numpy() for field in self.fields], 1)

    @staticmethod
    def _field(column: pl.Series, field: str) -> pl.Series:
        if field not in _DATE_FIELDS:  # a name from a file must not pick what is called
            raise ValueError(field)
        return column.dt.timestamp("ms") / 1000 if field == "total_seconds" else getattr(column.dt, field)()


@dataclass(frozen=True, eq=False)
class Text:
    """Text by what it is made of: the weights of its runs of 3 and 4 letters, projected on a few directions.

    terms: the runs of letters, sorted.  idf: (terms,) rarity of each.  directions: (components, terms).
    scale: the length by which the projections are divided.
    Source: Manning, Raghavan & Schuetze 2008, section 6.2 (tf-idf) and chapter 18 (latent semantic indexing).
    """

    terms: tuple[str, ...]
    idf: np.ndarray
    directions: np.ndarray
    scale: float

    def names(self, column: str) -> list[str]:
        """``column text 0`` and so on."""
        return [f"{column} text {i}" for i in range(len(self.directions))]

    def encode(self, column: pl.Series) -> np.ndarray:
        """float64 (rows, components); missing text counts as empty."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vocabulary = {term: i for i, term in enumerate(self.terms)}
        vectorizer = TfidfVectorizer(ngram_range=NGRAMS, analyzer=ANALYZER, vocabulary=vocabulary)
        vectorizer.idf_ = self.idf
        weights = vectorizer.transform(column.fill_null("")).astype(np.float32)
        return np.asarray(weights @ self.directions.T, np.float64) / self.scale


@dataclass(frozen=True)
class Numerals:
    """Text that was nothing but numbers in the rows learned from."""

    def names(self, column: str) -> list[str]:
        """The column's own name."""
        return [column]

    def encode(self, column: pl.Series) -> np.ndarray:
        """float64 (rows, 1); NaN where the text is no finite number."""
        numbers = column.cast(pl.Float64, strict=False).to_numpy()
        return np.where(np.isfinite(numbers), numbers, np.nan)[:, None]


def learn(frame: pl.DataFrame) -> dict[str, ColumnCode]:
    """What skrub learns from columns of text (String) and dates (Datetime); a column without any entry is left out."""
    from skrub import StringEncoder, TableVectorizer

    text = StringEncoder(ngram_range=NGRAMS, analyzer=ANALYZER, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The matrix shape is", UserWarning)  # little text: fewer directions will do
        vectorizer = TableVectorizer(high_cardinality=text, cardinality_threshold=CATEGORIES_BELOW).fit(frame)
    steps = vectorizer.all_processing_steps_
    fitted = vectorizer.transformers_
    return {column: _distil(fitted[column], steps[column]) for column in frame.columns if column in fitted}


def _distil(fitted: Any, steps: list[Any]) -> ColumnCode:
    """The plain data in one of skrub's fitted transformers."""
    match type(fitted).__name__:
        case "OneHotEncoder":
            return _categories(fitted)
        case "DatetimeEncoder":
            formats = [step.format_ for step in steps if type(step).__name__ == "ToDatetime"]
            # Python writes fractions of a second as '.%f', Polars as '%.f'.
            spelling = formats[0].replace(".%f", "%.f") if formats and formats[0] else None
            return Dates(tuple(fitted.extracted_features_), spelling)
        case "StringEncoder":
            return _text(fitted)
        case _:
            return Numerals()


def _categories(fitted: Any) -> Categories:
    values = [None if value is None else str(value) for value in fitted.categories_[0]]
    dropped: tuple[str, ...] = ()
    if fitted.drop_idx_ is not None and fitted.drop_idx_[0] is not None:  # of two categories one number tells
        one = values.pop(int(fitted.drop_idx_[0]))
        dropped = () if one is None else (one,)
    return Categories(tuple(values), dropped)


def _text(fitted: Any) -> Text:
    vectorizer = fitted.vectorizer_
    terms = tuple(str(term) for term in sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__))
    # Where there is too little text to look for directions, skrub keeps the first terms as they are.
    first_terms = np.eye(fitted.n_components_, len(terms), dtype=np.float32)
    directions = fitted.tsvd_.components_ if hasattr(fitted, "tsvd_") else first_terms
    return Text(terms, np.asarray(vectorizer.idf_), np.ascontiguousarray(directions), float(fitted.scaling_factor_))
