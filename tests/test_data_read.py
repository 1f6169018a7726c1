"""Every kind of file arrives as the same table, and what is wrong with one is said in a sentence."""

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from steepest.data import BUILT_IN, read
from steepest.errors import InputError

from .tables import quickest

GOOD = "a,b,y\n" + "".join(f"{i},{i * i},{i % 2}\n" for i in range(12))
WRITERS = {
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".arrow": lambda frame, path: frame.write_ipc(path),
    ".feather": lambda frame, path: frame.write_ipc(path, compression="zstd"),
    ".ipc": lambda frame, path: frame.write_ipc_stream(path),
}


def written(tmp_path, content, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_kind_of_file_gives_the_same_table(tmp_path, mixed_table, suffix):
    frame = mixed_table(60)
    path = tmp_path / f"homes{suffix}"
    WRITERS[suffix](frame, path)
    dataset = read(path, target="price")
    assert repr(dataset) == "homes: 60 rows, 9 columns, a number to predict (target 'price')"
    np.testing.assert_allclose(dataset.target, frame["price"].to_numpy(), rtol=1e-15)
    assert dataset.features["size"].dtype == pl.Float64
    assert dataset.features["size"].null_count() == frame["size"].null_count() > 0
    assert dataset.features["new"].to_list() == frame["new"].to_list()
    assert dataset.features["colour"].to_list() == frame["colour"].to_list()


def test_data_frames_of_both_libraries_give_the_same_table(mixed_table):
    frame = mixed_table(60)
    ours = read(frame, target="level")
    theirs = read(frame.to_pandas(), target="level")
    assert ours.features.equals(theirs.features)
    assert ours.fingerprint == theirs.fingerprint
    assert ours.classes == theirs.classes == ("high", "low", "middle")
    assert [ours.classes[code] for code in ours.target] == frame["level"].to_list()


@pytest.mark.parametrize(
    ("name", "rows", "columns", "task", "first"),
    [
        ("digits", 1797, 61, "multiclass", 0),
        ("breast-cancer", 569, 30, "binary", "benign"),
        ("wine", 178, 13, "multiclass", "class_0"),
        ("iris", 150, 4, "multiclass", "setosa"),
        ("diabetes", 442, 10, "regression", None),
    ],
)
def test_builtin_tables(name, rows, columns, task, first):
    dataset = read(name)
    assert (dataset.rows, dataset.features.width, dataset.task) == (rows, columns, task)
    assert (dataset.name, dataset.target_name) == (name, "target")
    assert (dataset.classes[0] if dataset.classes else None) == first


def test_a_builtin_table_may_predict_another_column():
    dataset = read("wine", target="alcohol")
    assert dataset.task == "regression"
    assert "target" in dataset.features.columns


def test_digits_read_quickly():
    read("digits")  # imports scikit-learn's data sets
    assert quickest(lambda: read("digits").fingerprint) < 0.3


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes", "no"], "binary", ("no", "yes")),
        (["c", "a", "b"], "multiclass", ("a", "b", "c")),
        ([True, False, True], "binary", (False, True)),
        ([1.5, 2.5, 1.5], "binary", (1.5, 2.5)),
        ([3, 1, 2], "multiclass", (1, 2, 3)),
        ([1.0, 2.0, 3.0], "multiclass", (1.0, 2.0, 3.0)),
        (list(range(20)), "multiclass", tuple(range(20))),
        (list(range(21)), "regression", ()),
        ([0.1, 0.2, 0.3], "regression", ()),
        ([datetime.date(2020, 1, d) for d in (2, 1)], "binary", tuple(datetime.date(2020, 1, d) for d in (1, 2))),
        (pl.Series(["u", "v", "u"], dtype=pl.Categorical), "binary", ("u", "v")),
    ],
)
def test_the_task_is_found_from_the_target(values, task, classes):
    dataset = read(pl.DataFrame({"x": range(len(values)), "y": values}), target="y")
    assert (dataset.task, dataset.classes) == (task, classes)
    assert all(type(label) is type(expected) for label, expected in zip(dataset.classes, classes, strict=True))
    assert dataset.target.dtype == (np.float64 if task == "regression" else np.int64)


def test_the_task_can_be_given(tmp_path):
    path = written(tmp_path, GOOD)
    assert read(path, target="y", task="regression").target.tolist() == [float(i % 2) for i in range(12)]
    assert read(path, target="y", task="multiclass").classes == (0, 1)


def test_text_from_csv_becomes_what_it_spells(tmp_path):
    rows = "1,NA,true,x,9\n 2 ,1e3,False,NA,4\n3,-,TRUE,None,5\n4,-7.5,,,6\n"
    dataset = read(written(tmp_path, "a,b,c,d,y\n" + rows), target="y")
    assert dataset.features.to_dict(as_series=False) == {
        "a": [1.0, 2.0, 3.0, 4.0],
        "b": [None, 1000.0, None, -7.5],
        "c": [True, False, True, None],
        "d": ["x", "NA", "None", None],  # among words these may be categories: left to the encoder
    }
    assert dataset.notes == ("Column 'b': 2 entries such as 'NA' were read as missing.",)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (GOOD.replace(",", ";"), "data.csv is separated by ';' and was read so."),
        (GOOD.replace(",", "\t"), "data.csv is separated by tabs and was read so."),
        (b"\xef\xbb\xbf" + GOOD.encode(), None),
        (GOOD.encode("utf-16"), "data.csv is UTF-16 text and was read so."),
        (GOOD.replace("\n", "\r\n"), None),
        ("\n" + GOOD.rstrip("\n"), None),
        (GOOD.replace(",", " , "), None),
        (GOOD.replace("a,b", '"a","b"'), None),
    ],
)
def test_dialects_of_csv_read_alike(tmp_path, content, note):
    plain = read(written(tmp_path, GOOD, "plain.csv"), target="y")
    other = read(written(tmp_path, content), target="y")
    assert other.fingerprint == plain.fingerprint
    assert other.notes == ((note,) if note else ())


def test_decimal_commas_are_read_where_semicolons_separate(tmp_path):
    lines = "".join(f"{i},5;word{i},x;{i % 2}\n" for i in range(12))
    dataset = read(written(tmp_path, "a;b;y\n" + lines), target="y")
    assert dataset.features["a"].to_list() == [i + 0.5 for i in range(12)]
    assert dataset.features["b"][0] == "word0,x"
    assert "Decimal commas were read as points in column 'a'." in dataset.notes


def test_quoted_cells_may_hold_separators_and_line_breaks(tmp_path):
    dataset = read(written(tmp_path, GOOD.replace("\n3,", '\n"3",').replace("a,b", '"a, or\nnot",b')), target="y")
    assert dataset.features.columns == ["a, or\nnot", "b"]
    assert dataset.rows == 12


def test_columns_that_tell_nothing_are_left_out_with_a_note():
    frame = pl.DataFrame({"x": [1, 2, 3], "k": ["s"] * 3, "k2": [7] * 3, "n": [None] * 3, "y": [0, 1, 0]})
    dataset = read(frame, target="y")
    assert dataset.features.columns == ["x"]
    assert dataset.notes == (
        "Column 'n' has no entries and was left out.",
        "2 columns are constant and were left out: 'k', 'k2'.",
    )


@pytest.mark.parametrize("of", [pl.Int64, pl.UInt64, pl.Int128, pl.String])
def test_whole_numbers_that_float64_cannot_tell_apart_are_not_called_constant(of):
    frame = pl.DataFrame({"id": pl.Series([10**18 + i for i in range(3)]).cast(of), "x": [1, 2, 3], "y": [0, 1, 0]})
    dataset = read(frame, target="y")
    assert dataset.features.columns == ["x"]
    assert dataset.notes == (
        "Column 'id' varies by less than can be told apart (numbers are float64, times microseconds) and was left out.",
    )


def test_a_single_value_with_gaps_is_kept_since_the_gaps_may_tell():
    dataset = read(pl.DataFrame({"x": ["garage", None, "garage"], "y": [0, 1, 0]}), target="y")
    assert dataset.features.columns == ["x"]


def test_weights_are_no_feature(tmp_path):
    dataset = read(written(tmp_path, GOOD), target="y", weight="b", name="mine")
    assert dataset.features.columns == ["a"]
    assert dataset.weights is not None
    assert dataset.weights.tolist() == [float(i * i) for i in range(12)]
    assert dataset.name == "mine"


def test_the_fingerprint_is_of_the_content_alone(tmp_path):
    first = read(written(tmp_path, GOOD), target="y").fingerprint
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert read(written(tmp_path, GOOD, "other.csv"), target="y").fingerprint == first
    changed = [
        read(written(tmp_path, GOOD.replace("11,121", "11,122")), target="y"),
        read(written(tmp_path, GOOD.replace("a,b", "a,c")), target="y"),
        read(written(tmp_path, GOOD), target="y", task="regression"),
        read(written(tmp_path, GOOD), target="y", weight="a"),
        read(written(tmp_path, GOOD), target="a"),
    ]
    assert len({first, *(dataset.fingerprint for dataset in changed)}) == 6


def test_the_fingerprint_tells_words_run_together_and_gaps_apart():
    def fingerprint(words):
        return read(pl.DataFrame({"w": words, "y": [0, 1, 1]}), target="y").fingerprint

    assert (
        len({fingerprint(w) for w in (["ab", "c", "d"], ["a", "bc", "d"], ["", "abc", "d"], [None, "abc", "d"])}) == 4
    )


def frame(**columns):
    return pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [0, 1, 0]} | columns)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty. Give a file with a header"),
        ("\n\n", "is empty."),
        ("a,b,y\n", "{path} has no rows below its header. Give at least ten"),
        ("a,b,y\n1,2,3\n", "{path} has one row only. Give at least ten"),
        ("a,b,b,y\n1,2,3,4\n", "has more than one column named 'b'"),
        (",b,y\n1,2,3\n", "Column 1 of {path} has no name in the header"),
        (GOOD + "1,2\n", "Line 14 of {path} has 2 fields, the header 3"),
        (GOOD + "1\n", "Line 14 of {path} has 1 field, the header 3"),
        (GOOD.replace("3,9,1", '"3\n",9,1,4'), "Line 6 of {path} has 4 fields, the header 3"),
        (GOOD.encode() + b"caf\xe9,2,1\n", "is not UTF-8: byte 0xe9 on line 14. Convert it first"),
        (b"caf\xe9," + GOOD.encode(), "is not UTF-8: byte 0xe9 on line 1"),
        (b"\xff\xfe" + GOOD.encode() + b"\xd8", "starts as UTF-16 but does not go on so"),
        (GOOD.encode() + b"1,\x002,1\n", "is not text: byte"),
        (bytes(range(256)), "is not text: byte 1 is NUL"),
        (bytes(range(128, 256)) * 9, "is not UTF-8: byte 0x80 on line 1"),
        (GOOD + '1,2,"1\n2,3,0\n', "has a quote that is never closed, opened on line 14."),
        (GOOD.replace("\n0,0", '\n"0,0'), "has a quote that is never closed, opened on line 2."),
        (GOOD.replace("\n3,9", '\n3,"9'), "has a quote that is never closed, opened on line 5."),
        (GOOD.replace("a,b", '"a,b'), "has a quote that is never closed, opened on line 1."),
        (GOOD.replace("\n0,0", '\n5" wide,0') + "1,2\n", "Line 14 of {path} has 2 fields"),
        (GOOD + "1,2,\n,,\n", "Target 'y' is missing in 2 of 14 rows. Drop those rows or fill them in."),
        (GOOD + "1,2,NA\n", "Target 'y' is missing in 1 of 13 rows"),
        (GOOD + "1,2,inf\n", "Target 'y' is infinite in 1 rows, first in row 13"),
        (GOOD + "inf,2,1\n-inf,2,1\n", "Column 'a' holds 2 infinite values, the first in row 13"),
        (re.sub(r",\d\n", ",1\n", GOOD), "Target 'y' is '1' in every row"),
        (re.sub(r"(?m)^\d+,\d+", "5,", GOOD), "{path} has only constant or empty columns"),
        ("y\n0\n1\n0\n", "has no column besides its target"),
    ],
)
def test_a_bad_csv_is_answered_by_a_sentence(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=re.escape(said.format(path=path))):
        read(path, target="y")


@pytest.mark.parametrize(
    ("source", "arguments", "said"),
    [
        (frame(), {"target": None}, "Which column is to be predicted? Give it as target (--target COL"),
        (frame(), {"target": "yy"}, "Unknown target column 'yy'. Did you mean 'y'? The columns are x, y."),
        (frame(), {"weight": "w"}, "Unknown weight column 'w'. The columns are x, y."),
        (frame(), {"weight": "y"}, "Column 'y' cannot be both target and weight"),
        (frame(), {"task": "regresion"}, "Unknown task 'regresion'. Did you mean 'regression'?"),
        (frame(w=[1, -2, 3]), {"weight": "w"}, "Weight column 'w' is -2.0 in row 2"),
        (frame(w=[1, None, 3]), {"weight": "w"}, "Weight column 'w' is missing in row 2"),
        (frame(w=[1.0, float("nan"), 3.0]), {"weight": "w"}, "Weight column 'w' is missing in row 2"),
        (frame(w=[0, 0, 0]), {"weight": "w"}, "Weight column 'w' is 0 everywhere"),
        (frame(w=["a", "b", "c"]), {"weight": "w"}, "Weight column 'w' holds String, not numbers"),
        (frame(y=["1", "two", "3"]), {"task": "regression"}, "Target 'y' holds 'two', which is no number"),
        (frame(y=[True, False, True]), {"task": "regression"}, "which is no number, so regression is not possible"),
        (frame(y=["a", "b", "c"]), {"task": "binary"}, "Target 'y' has 3 distinct values, and task 'binary' needs two"),
        (frame(y=[[1], [2], [3]]), {}, "Target 'y' holds List(Int64). Give numbers, text, booleans or dates."),
        (frame(y=[1.0, float("nan"), 2.0]), {}, "Target 'y' is missing in 1 of 3 rows"),
        (frame(l=[[1], [2], [3]]), {}, "Column 'l' holds List(Int64), which is neither"),
        (frame(s=[{"a": 1}] * 3), {}, "Column 's' holds Struct({'a': Int64}), which is neither"),
        (frame(b=[b"1", b"2", b"3"]), {}, "Column 'b' holds Binary, which is neither"),
        (frame(x=[1.0, float("inf"), 3.0]), {}, "Column 'x' holds 1 infinite value, the first in row 2"),
        (pl.DataFrame({"": [1, 2], "y": [0, 1]}), {}, "Column 1 of table has no name"),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "a", "y"]), {}, "has more than one column named 'a'"),
        (pd.DataFrame({"a": [1, "x", [2]], "y": [0, 1, 0]}), {}, "Column 'a' mixes kinds of value"),
        (np.zeros((3, 3)), {}, "A table is a path, one of digits, breast-cancer"),
        (pl.DataFrame({"x": [], "y": []}), {}, "table has no rows"),
    ],
)
def test_what_cannot_be_learned_from_is_answered_by_a_sentence(source, arguments, said):
    with pytest.raises(InputError, match=re.escape(said)):
        read(source, **({"target": "y"} | arguments))


def test_only_ten_columns_are_listed():
    wide = pl.DataFrame({f"c{i}": [1, 2] for i in range(30)})
    with pytest.raises(InputError, match=r"c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, \.\.\.\.$"):
        read(wide, target="nothing like it")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hous.csv", "There is no file {folder}/hous.csv. Did you mean 'house.csv'?"),
        ("house.xlsx", "{folder}/house.xlsx has suffix '.xlsx'; the kinds of file read are .csv, .tsv, .parquet"),
        ("folder.csv", "{folder}/folder.csv is a directory. Give one file in it"),
        ("nowhere/house.csv", "There is no file {folder}/nowhere/house.csv."),
        ("cut.parquet", "{folder}/cut.parquet cannot be read as Parquet ("),
        ("cut.arrow", "{folder}/cut.arrow cannot be read as Arrow ("),
        ("empty.parquet", "{folder}/empty.parquet is empty."),
        ("twice.parquet", "{folder}/twice.parquet has more than one column named 'b'. Give each column a name of its"),
        ("twice.feather", "{folder}/twice.feather has more than one column named 'b'. Give each column a name of its"),
        ("plain", "{folder}/plain has suffix ''"),
    ],
)
def test_a_file_that_is_not_there_or_not_right(tmp_path, name, said):
    written(tmp_path, GOOD, "house.csv")
    written(tmp_path, GOOD, "plain")
    written(tmp_path, b"PAR1 and then nothing", "cut.parquet")
    written(tmp_path, b"ARROW1 and then nothing", "cut.arrow")
    written(tmp_path, b"", "empty.parquet")
    twice = pa.table([[1, 2], [3, 4], [5, 6]], names=["a", "b", "b"])
    pyarrow.parquet.write_table(twice, tmp_path / "twice.parquet")
    pyarrow.feather.write_feather(twice, tmp_path / "twice.feather")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=re.escape(said.format(folder=tmp_path))):
        read(tmp_path / name, target="y")


def test_a_misspelled_builtin_is_named():
    with pytest.raises(InputError, match=r"There is no table 'digit'\. Did you mean 'digits'\?"):
        read("digit")
    assert len(BUILT_IN) == 5


def column_read(entries):
    """A text column as it is read beside a target, with the notes."""
    dataset = read(pl.DataFrame({"x": entries, "y": [i % 2 for i in range(len(entries))]}), target="y")
    return dataset.features["x"].to_list(), dataset.notes


PLAIN = [str(i) for i in range(60)]


@pytest.mark.parametrize(
    ("entries", "first", "note"),
    [
        (["1,234.5", "-2,345.25", "999"], [1234.5, -2345.25, 999.0], "'1,234.5' was read as 1234.5"),
        (["1,234,567", "1,234"], [1234567.0, 1234.0], "'1,234,567' was read as 1234567"),
        (["0.25", "1,234"], [0.25, 1234.0], "'1,234' was read as 1234"),
        ([*PLAIN, "1 000"], [*map(float, range(60)), 1000.0], "'1 000' was read as 1000"),
        (["1\u202f000", "1\u00a0234", "5"], [1000.0, 1234.0, 5.0], "'1\u202f000' was read as 1000"),
        (["1'000", "NA", "1’000.5"], [1000.0, None, 1000.5], "'1'000' was read as 1000"),
    ],
)
def test_thousands_separators_are_read_and_said(entries, first, note):
    values, notes = column_read(entries)
    assert values == first
    assert f"Column 'x' separates thousands: {note}." in notes


def test_thousands_are_read_wherever_in_the_column_the_sign_of_it_stands():
    values, notes = column_read([f"{i},234" for i in range(1, 201)] + ["1,234.5"])
    assert values == [*(1000.0 * i + 234 for i in range(1, 201)), 1234.5]
    assert "Column 'x' separates thousands: '1,234' was read as 1234." in notes


@pytest.mark.parametrize(
    ("entries", "note"),
    [
        (
            [*PLAIN, "1 OOO"],
            "Column 'x' was kept as text: 60 of its 61 entries are numbers, but row 61 is '1 OOO'. "
            "Mend or empty what is no number, if it is meant to hold numbers.",
        ),
        (
            [*PLAIN[:36], "a", "b", None, "NA", *PLAIN[36:]],
            "Column 'x' was kept as text: 60 of its 62 entries are numbers, but row 37 is 'a'. "
            "Mend or empty what is no number, if it is meant to hold numbers.",
        ),
        (
            ["1,234", "2,345", "7"],
            "Column 'x' was kept as text: '1,234' may mean 1234 or 1.234. Write it so, if it is meant to hold numbers.",
        ),
        (["1,23.5", *PLAIN], "Column 'x' was kept as text: 60 of its 61 entries are numbers, but row 1 is '1,23.5'. "
         "Mend or empty what is no number, if it is meant to hold numbers."),
    ],
)  # fmt: skip
def test_a_column_that_is_nearly_numbers_is_kept_as_text_and_said(entries, note):
    values, notes = column_read(entries)
    assert values == entries
    assert notes == (note,)


@pytest.mark.parametrize("entries", [["1", "2", "3", "x"], [*PLAIN[:50], *"abcdefghij"], ["a,b", "c", "d"]])
def test_a_column_of_words_and_numbers_needs_no_note(entries):
    assert column_read(entries) == (entries, ())


def test_a_target_is_read_like_any_column():
    priced = read(pl.DataFrame({"x": range(60), "y": [f"1,{100 + i}.5" for i in range(60)]}), target="y")
    assert (priced.task, priced.target[0]) == ("regression", 1100.5)
    assert priced.notes == ("Column 'y' separates thousands: '1,100.5' was read as 1100.5.",)
    mixed = read(pl.DataFrame({"x": range(61), "y": [*PLAIN, "1 OOO"]}), target="y")
    assert mixed.task == "multiclass"
    assert "Column 'y' was kept as text: 60 of its 61 entries are numbers, but row 61 is '1 OOO'." in mixed.notes[0]


def test_weights_may_separate_thousands():
    frame = pl.DataFrame({"x": [1, 2, 3], "w": ["1,000.5", "2", "3"], "y": [0, 1, 0]})
    weighted = read(frame, target="y", weight="w")
    assert weighted.weights is not None
    assert weighted.weights.tolist() == [1000.5, 2.0, 3.0]
    assert weighted.notes == ("Column 'w' separates thousands: '1,000.5' was read as 1000.5.",)
