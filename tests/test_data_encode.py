"""Features become finite numbers by what the training rows alone say, and a saved encoder does it elsewhere."""

import pickle
import re
import subprocess
import sys
import zipfile

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steepest.data import FeatureEncoder, read, read_features, split
from steepest.data._kinds import MISSING_TEXT
from steepest.errors import InputError

from .tables import quickest

SLASHES = [f"{1 + i % 28:02d}/{1 + i % 12:02d}/2021" for i in range(200)]


@pytest.fixture(scope="module")
def everything():
    """Features of every kind, 200 rows, and an encoder fitted on the first 150."""
    from .tables import mixed_table

    frame = mixed_table(200, seed=1).drop("price", "level")
    frame = frame.with_columns(
        pl.Series("shipped", SLASHES),
        pl.duration(minutes="count").alias("lasts"),
        pl.col("seen").dt.time().alias("at"),
        pl.col("colour").cast(pl.Categorical).alias("tint"),
        pl.col("seen").dt.replace_time_zone("Europe/Berlin", ambiguous="earliest", non_existent="null").alias("local"),
    )
    dataset = read(frame.with_columns(y=pl.Series(np.arange(200) / 7)), target="y")
    return dataset.features, FeatureEncoder().fit(dataset.features[:150])


def test_every_kind_of_column_becomes_finite_numbers(everything):
    frame, encoder = everything
    encoded = encoder.transform(frame)
    assert encoded.dtype == np.float32
    assert encoded.shape == (200, len(encoder.feature_names))
    assert np.isfinite(encoded).all()
    assert np.abs(encoded).max() <= 3
    assert len(set(encoder.feature_names)) == len(encoder.feature_names)
    expected = {"size", "size is missing", "new is missing", "colour is red", "colour is missing", "built month"}
    expected |= {"seen hour", "address text 29", "shipped year", "lasts", "at", "tint is blue", "local hour"}
    assert expected <= set(encoder.feature_names)
    assert "built hour" not in encoder.feature_names


def test_words_and_dates_are_encoded_as_skrub_encodes_them(everything):
    from skrub import StringEncoder, TableVectorizer

    frame, encoder = everything
    words = frame.select(column for column, kind in encoder.kinds.items() if kind in ("text", "date"))
    vectorizer = TableVectorizer(high_cardinality=StringEncoder(random_state=0)).fit(words[:150])
    expected = vectorizer.transform(words)
    for column, code in encoder._codes.items():
        ours = code.encode(words[column]).astype(np.float32)
        theirs = expected.select(vectorizer.input_to_outputs_[column]).to_numpy()
        np.testing.assert_array_equal(ours, theirs, err_msg=column)
    assert len(encoder._codes) == words.width


def test_numbers_are_squashed_as_skrub_squashes_them():
    from skrub import SquashingScaler

    random = np.random.default_rng(0)
    x = np.stack([random.normal(3, 5, 400), np.exp(3 * random.normal(size=400)), random.random(400) < 0.1], axis=1)
    frame = pl.DataFrame(x, schema=["normal", "heavy", "rare"])
    ours = FeatureEncoder().fit(frame[:300]).transform(frame)
    theirs = SquashingScaler().fit(x[:300]).transform(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_missing_words_are_those_of_skrub():
    from skrub._clean_null_strings import STR_NA_VALUES

    assert set(STR_NA_VALUES) <= set(MISSING_TEXT)


def test_nothing_is_learned_from_rows_outside_the_training_part(everything):
    frame, encoder = everything
    spoiled = frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 150).then("size").otherwise(pl.lit(1e12)).alias("size"),
        pl.when(pl.int_range(pl.len()) < 150).then("colour").otherwise(pl.lit("mauve")).alias("colour"),
        pl.when(pl.int_range(pl.len()) < 150).then("address").otherwise(pl.lit("zzzz qqqq")).alias("address"),
    )
    other = FeatureEncoder().fit(spoiled[:150])
    assert other.feature_names == encoder.feature_names
    np.testing.assert_array_equal(other.transform(frame), encoder.transform(frame))
    assert FeatureEncoder().fit(spoiled).feature_names != encoder.feature_names


def test_medians_and_quartiles_are_of_the_training_rows():
    dataset = read("breast-cancer")
    train = split(dataset, seed=0).train
    encoded = FeatureEncoder().fit(dataset.features[train]).transform(dataset.features)
    np.testing.assert_allclose(np.median(encoded[train], axis=0), 0, atol=1e-6)
    assert (np.abs(np.median(encoded, axis=0)) > 1e-4).any()


def test_columns_constant_in_training_give_zeros_and_stay_finite():
    train = pl.DataFrame({"x": [1.0, 2.0, 3.0], "c": [0.1] * 3, "empty": pl.Series([None] * 3, dtype=pl.Float64)})
    encoder = FeatureEncoder().fit(train)
    encoded = encoder.transform(pl.DataFrame({"x": [2.0, None], "c": [5.0, None], "empty": [7.0, None]}))
    assert encoder.feature_names == ("x", "c", "empty", "empty is missing")
    np.testing.assert_array_equal(encoded, np.zeros((2, 4)))


@settings(deadline=None, max_examples=200, derandomize=True)
@given(
    train=st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=8),
    later=st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
)
@example(train=[sys.float_info.max, -1e292], later=[None])
@example(train=[None, sys.float_info.max], later=[-1e292])
def test_any_numbers_at_all_stay_within_three(train, later):
    encoder = FeatureEncoder().fit(pl.DataFrame({"x": pl.Series(train, dtype=pl.Float64)}))
    encoded = encoder.transform(pl.DataFrame({"x": pl.Series(later, dtype=pl.Float64)}))
    assert np.isfinite(encoded).all()
    assert np.abs(encoded).max() <= 3


def test_digits_encode_in_milliseconds_without_skrub_or_sklearn():
    frame = read("digits").features
    assert quickest(lambda: FeatureEncoder().fit(frame).transform(frame)) < 0.2
    code = (
        "import sys, polars as pl; from steepest.data import FeatureEncoder;"
        "FeatureEncoder().fit(pl.DataFrame({'x': [1.0, 2.0]}));"
        "assert not {'skrub', 'sklearn', 'pandas', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_saved_encoder_transforms_bitwise_alike_in_another_process(everything, tmp_path):
    frame, encoder = everything
    path = tmp_path / "features.safetensors"
    encoder.save(path)
    frame.write_parquet(tmp_path / "frame.parquet")
    code = (
        "import numpy as np, polars as pl, sys; from steepest.data import FeatureEncoder;"
        f"encoder = FeatureEncoder.load({str(path)!r});"
        f"x = encoder.transform(pl.read_parquet({str(tmp_path / 'frame.parquet')!r}));"
        f"np.save({str(tmp_path / 'x.npy')!r}, x); assert 'skrub' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), encoder.transform(frame))
    loaded = FeatureEncoder.load(path)
    assert loaded.feature_names == encoder.feature_names
    assert loaded.kinds == encoder.kinds
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir() if file.suffix == ".part") == []


def test_fitting_twice_gives_the_same_bytes(everything, tmp_path):
    frame, encoder = everything
    encoder.save(tmp_path / "one")
    FeatureEncoder().fit(frame[:150]).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def foreign(kind, path, mark):
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Trap(mark)))
    elif kind == "skops":
        from skops.io import dump

        dump({"encoder": open, "mark": str(mark)}, path)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data.pkl", pickle.dumps(Trap(mark)))
    else:
        from safetensors.numpy import save_file

        texts = {
            "no metadata": None,
            "not JSON": "{",
            "a list": "[]",
            "another code": CODES.format("Popen"),
            "odd": CODES,
        }
        save_file({"a": np.zeros(2)}, path, metadata=None if kind == "no metadata" else {"steepest": texts[kind]})


CODES = '{{"format": "steepest features 1", "kinds": {{}}, "codes": {{"x": {{"code": "{}", "args": ["true"]}}}}}}'


@pytest.mark.parametrize("kind", ["pickle", "skops", "zip", "no metadata", "not JSON", "a list", "another code", "odd"])
def test_a_file_from_elsewhere_is_refused_and_runs_nothing(tmp_path, kind):
    path, mark = tmp_path / "features.skops", tmp_path / "mark"
    foreign(kind, path, mark)
    with pytest.raises(InputError, match="is not a feature encoder that steepest saved"):
        FeatureEncoder.load(path)
    assert not mark.exists()


def test_the_trap_would_have_sprung(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "mark"))).close()
    assert (tmp_path / "mark").exists()


def test_a_save_that_fails_leaves_nothing(tmp_path):
    encoder = FeatureEncoder().fit(pl.DataFrame({"x": [1.0, 2.0]}))
    (tmp_path / "features").mkdir()
    with pytest.raises(OSError, match="features"):
        encoder.save(tmp_path / "features")
    assert [path.name for path in tmp_path.iterdir()] == ["features"]


def test_loading_what_is_not_there_or_cut_short(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        FeatureEncoder.load(tmp_path / "nothing")
    FeatureEncoder().fit(pl.DataFrame({"x": [1.0, 2.0]})).save(tmp_path / "features")
    (tmp_path / "features").write_bytes((tmp_path / "features").read_bytes()[:-8])
    with pytest.raises(InputError, match="is not a feature encoder"):
        FeatureEncoder.load(tmp_path / "features")


def test_an_encoder_that_learned_nothing_says_so(tmp_path):
    for use in (lambda e: e.transform(pl.DataFrame()), lambda e: e.save(tmp_path / "x"), lambda e: e.feature_names):
        with pytest.raises(InputError, match="has learned nothing yet"):
            use(FeatureEncoder())
    with pytest.raises(InputError, match="No feature holds anything to learn from"):
        FeatureEncoder().fit(pl.DataFrame({"a": pl.Series([None, None], dtype=pl.String)}))


@pytest.fixture
def homes(mixed_csv):
    dataset = read(mixed_csv, target="level")
    return mixed_csv, dataset, FeatureEncoder().fit(dataset.features)


def test_prediction_reads_the_same_numbers_whatever_stands_beside_them(homes, mixed_table):
    path, dataset, encoder = homes
    expected = encoder.transform(dataset.features)
    np.testing.assert_array_equal(encoder.transform(read_features(path, encoder)), expected)
    frame = mixed_table()
    sources = (frame, frame[:, ::-1], frame.drop("level"), frame.with_columns(extra=pl.lit([1])), frame.to_pandas())
    for source in sources:
        np.testing.assert_allclose(encoder.transform(read_features(source, encoder)), expected, rtol=1e-6)


def test_a_batch_of_rows_reads_as_its_training_columns_did(tmp_path):
    train = pl.DataFrame({"code": ["a1", "007", "7", "b2"] * 5, "day": SLASHES[:20], "n": range(20), "y": [0, 1] * 10})
    encoder = FeatureEncoder().fit(read(train, target="y").features)
    (tmp_path / "new.csv").write_text("n,day,code\n1,03/04/2021,007\n?,,7\n")
    frame = read_features(tmp_path / "new.csv", encoder)
    assert frame.to_dict(as_series=False) == {"code": ["007", "7"], "day": ["03/04/2021", None], "n": [1.0, None]}
    encoded = dict(zip(encoder.feature_names, encoder.transform(frame).T.tolist(), strict=True))
    assert encoded["code is 007"][0] > encoded["code is 007"][1]
    march = FeatureEncoder._raw(encoder, frame)[0, encoder.feature_names.index("day month")]
    assert march == 4  # the day stands first, as the training rows tell, though this row alone does not


def test_new_categories_and_words_are_fine(homes, mixed_table):
    _, _, encoder = homes
    new = mixed_table(5).with_columns(colour=pl.lit("mauve"), address=pl.lit("日本橋"))
    encoded = encoder.transform(read_features(new, encoder))
    assert np.isfinite(encoded).all()
    seen = encoder.transform(read_features(mixed_table(5), encoder))
    reds = encoder.feature_names.index("colour is red")
    assert (encoded[:, reds] <= seen[:, reds]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("size", "colour"), "2 column(s) that were learned from are missing: 'size', 'colour'."),
        (lambda f: f.rename({"size": "sizes"}), "missing: 'size'. Did you mean 'sizes'? Add them."),
        (lambda f: f[:0], "table has no rows. Give at least one"),
        (lambda f: f.with_columns(rate=pl.lit(np.inf)), "Column 'rate' holds 20 infinite values, the first in row 1"),
        (lambda f: f.with_columns(rate=pl.lit("-inf")), "Column 'rate' holds 20 infinite values"),
        (
            lambda f: f.with_columns(rate=pl.Series(["1.5", "NA", "many"] * 6 + ["1"] * 2)),
            "should hold numbers, but row 3 is 'many'",
        ),
        (lambda f: f.with_columns(rate=pl.col("seen")), "Column 'rate' should hold numbers, but row 1 is '2"),
        (lambda f: f.with_columns(new=pl.lit("maybe")), "Column 'new' should hold true or false, but row 1 is 'maybe'"),
        (lambda f: f.with_columns(new=pl.lit(2)), "Column 'new' should hold true or false, but row 1 is '2'"),
        (lambda f: f.with_columns(built=pl.lit("someday")), "Column 'built' should hold dates, but row 1 is 'someday'"),
        (lambda f: f.with_columns(built=pl.lit(5)), "Column 'built' should hold dates, but row 1 is '5'"),
        (lambda f: f.with_columns(rate=pl.concat_list("rate")), "Column 'rate' holds List(Float64), which is neither"),
        (
            lambda f: f.with_columns(colour=pl.concat_list("rate")),
            "Column 'colour' holds List(Float64), which is neither",
        ),
        (lambda f: f.with_columns(colour=pl.col("seen")), "Column 'colour' should hold text, but row 1 is '2"),
    ],
)
def test_a_table_that_does_not_fit_is_answered_by_a_sentence(mixed_table, change, said):
    encoder = FeatureEncoder().fit(read(mixed_table(60), target="level").features)
    with pytest.raises(InputError, match=re.escape(said)):
        read_features(change(mixed_table(20)), encoder)


def test_booleans_and_dates_are_understood_in_other_spellings(mixed_table):
    encoder = FeatureEncoder().fit(read(mixed_table(60), target="level").features)
    plain = mixed_table(20)
    spelled = plain.with_columns(
        pl.col("new").cast(pl.Int64).cast(pl.String), pl.col("built", "seen", "rate").cast(pl.String)
    )
    expected = encoder.transform(read_features(plain, encoder))
    np.testing.assert_array_equal(encoder.transform(read_features(spelled, encoder)), expected)


def test_thousands_are_read_in_prediction_as_in_training(tmp_path):
    encoder = FeatureEncoder().fit(pl.DataFrame({"n": [1.0, 2.0, 3000.0]}))
    (tmp_path / "new.csv").write_text('n\n"1,234.5"\n1 000\n')
    assert read_features(tmp_path / "new.csv", encoder)["n"].to_list() == [1234.5, 1000.0]
    (tmp_path / "new.csv").write_text('n\n"1,234"\n')
    with pytest.raises(InputError, match="Column 'n' should hold numbers, but row 1 is '1,234'"):
        read_features(tmp_path / "new.csv", encoder)


def test_text_of_nothing_but_numbers_in_training_is_a_number():
    frame = pl.DataFrame({"code": ["1", "2", "3", "4", "x"]})
    encoded = FeatureEncoder().fit(frame[:4]).transform(frame)
    assert (np.diff(encoded[:4, 0]) > 0).all()
    assert encoded[4, 0] == 0


def test_categories_that_training_did_not_see_are_told(tmp_path):
    train = pl.DataFrame({"sex": ["f", "m"] * 20, "city": ["Rome", "Bonn", None, "NA"] * 10, "n": range(40)})
    encoder = FeatureEncoder().fit(train)
    assert encoder.unseen(train) == []  # of 'f' and 'm' only one has a number, and both are known
    new = pl.DataFrame({"city": ["Bonn", "Oslo", None, "Kyiv", "?"], "sex": ["f", "m", "x", None, "f"], "n": [1] * 5})
    assert encoder.unseen(new) == [
        "Column 'sex': 1 row holds a value not seen in training, such as 'x'.",
        "Column 'city': 2 rows hold values not seen in training, such as 'Oslo'.",
    ]
    encoder.save(tmp_path / "encoder.safetensors")
    assert FeatureEncoder.load(tmp_path / "encoder.safetensors").unseen(new) == encoder.unseen(new)
