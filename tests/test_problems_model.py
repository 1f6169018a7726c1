"""A model predicts bitwise the same after a journey through disk, in a fresh process too, and files can run no code."""

import json
import os
import pickle
import subprocess
import sys

import jax
import numpy as np
import polars as pl
import pytest
import safetensors.numpy

from steepest.data import read, read_features
from steepest.errors import InputError
from steepest.problems import Model, network

from .tables import mixed_table

FILES = ["model.json", "weights.safetensors", "encoder.safetensors"]
TARGETS = {"price": "regression", "level": "multiclass", "new": "binary"}


@pytest.fixture(scope="module")
def frame():
    return mixed_table(120).drop_nulls("new")


@pytest.fixture(scope="module")
def models(frame):
    """An untrained model of each task: predictions need no training to be compared."""
    made = {}
    for target, task in TARGETS.items():
        table = read(frame.drop([other for other in TARGETS if other not in (target, "new")]), target=target)
        assert table.task == task
        problem = network(table, hidden=(5, 3), activation="tanh")
        made[task] = problem.model(problem.instances([0])[0].init(jax.random.key(1)), 0)
    return made


@pytest.fixture
def saved(models, tmp_path):
    models["multiclass"].save(tmp_path / "model", {"accuracy": 0.5})
    return tmp_path / "model"


def predictions(model, frame):
    features = read_features(frame, model.encoder)
    told = [model.outputs(features)] + ([] if model.task == "regression" else [model.predict_probabilities(features)])
    return *told, model.predict(features)


@pytest.mark.parametrize("task", TARGETS.values())
def test_a_model_loaded_predicts_bitwise_the_same(models, frame, tmp_path, task):
    models[task].save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    for before, after in zip(predictions(models[task], frame), predictions(loaded, frame), strict=True):
        assert before.dtype == after.dtype
        assert before.tobytes() == after.tobytes()
    for name in ("network", "target", "target_name", "task", "loss"):
        assert getattr(loaded, name) == getattr(models[task], name)


def test_a_fresh_process_predicts_bitwise_the_same(models, frame, tmp_path):
    models["regression"].save(tmp_path / "model")
    frame.write_parquet(tmp_path / "table.parquet")
    script = (
        "import sys; from steepest import Model; from steepest.data import read_features\n"
        "model = Model.load(sys.argv[1])\n"
        "print(model.predict(read_features(sys.argv[2], model.encoder)).tobytes().hex())"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "model", tmp_path / "table.parquet"],
        check=True, capture_output=True, text=True, env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    model = models["regression"]
    assert told.stdout.strip() == model.predict(read_features(frame, model.encoder)).tobytes().hex()


def test_the_run_directory_around_a_model_serves_as_well(saved):
    assert Model.load(saved.parent).task == Model.load(str(saved)).task == "multiclass"


def test_what_is_written(saved):
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    described = json.loads((saved / "model.json").read_text())
    assert (described["format"], described["task"], described["target_name"]) == (1, "multiclass", "level")
    assert described["metrics"] == {"accuracy": 0.5}
    assert described["network"]["hidden"] == [5, 3]


def test_probabilities_are_the_softmax_of_the_outputs(models, frame):
    outputs, probabilities, labels = predictions(models["multiclass"], frame)
    z = outputs.astype(np.float64)
    np.testing.assert_allclose(probabilities, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_array_equal(labels, np.array(["high", "low", "middle"])[probabilities.argmax(axis=1)])
    outputs, probabilities, labels = predictions(models["binary"], frame)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-outputs[:, 0].astype(np.float64))), rtol=1e-12)
    np.testing.assert_array_equal(labels, probabilities[:, 1] > 0.5)


def test_numbers_are_in_the_users_unit(models, frame):
    model = models["regression"]
    outputs, numbers = predictions(model, frame)
    expected = outputs[:, 0].astype(np.float64) * model.target.scale + model.target.mean
    np.testing.assert_allclose(numbers, expected, rtol=1e-12)
    with pytest.raises(InputError, match=r"^A number has no class probabilities; 'price' is one\. Use predict\."):
        model.predict_probabilities(read_features(frame, model.encoder))


def test_a_table_of_many_rows_is_predicted_as_in_parts(models, frame, monkeypatch):
    model, features = models["multiclass"], read_features(frame, models["multiclass"].encoder)
    whole = model.outputs(features)
    monkeypatch.setattr("steepest.problems._model._ROWS", 40)
    np.testing.assert_allclose(model.outputs(features), whole, rtol=1e-5, atol=1e-6)  # float32, other blocks of sums


def test_a_score_is_of_what_is_predicted(models, frame):
    model = models["multiclass"]
    codes = read(frame, target="level").target
    features = read_features(frame, model.encoder)
    told = model.score(features, codes)
    assert told["accuracy"] == np.mean(model.predict(features) == frame["level"].to_numpy())
    assert told["confusion"]["labels"] == ["high", "low", "middle"]
    model = models["regression"]
    told = model.score(features, frame["price"].to_numpy())
    assert told["mae"] == pytest.approx(np.abs(model.predict(features) - frame["price"].to_numpy()).mean())
    assert told["unit"] == "units of 'price'"


# --- what a directory may hold --------------------------------------------------------------------------------------


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_in_place_of_a_file_is_refused_and_not_run(saved, tmp_path, name):
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    (saved / name).write_bytes(bomb)
    with pytest.raises(InputError):
        Model.load(saved)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(bomb)  # and it is a bomb
    assert (tmp_path / "exploded").exists()


def test_text_that_names_code_is_text(saved, tmp_path):
    described = json.loads((saved / "model.json").read_text())
    described["network"]["activation"] = f"__import__('os').mkdir({str(tmp_path / 'exploded')!r})"
    (saved / "model.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"Unknown activation '__import__"):
        Model.load(saved)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["empty", "short", "other", "missing", "a directory"])
def test_damaged_files_are_refused(saved, name, damage):
    path = saved / name
    content = path.read_bytes()
    path.unlink()
    if damage == "a directory":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "short": content[: len(content) // 2], "other": b"\xff\xfe\x00" * 99}[damage])
    with pytest.raises(InputError, match=r"(damaged|holds no model|cannot be read|not a feature encoder|read)"):
        Model.load(saved)


CHANGES = {
    "a later format": (
        lambda d: d | {"format": 2},
        r"has format 2; this version reads 1\. Use the version of steepest",
    ),
    "no format": (lambda d: {k: v for k, v in d.items() if k != "format"}, "is damaged"),
    "a list": (lambda d: [d], "is damaged"),
    "an unknown field of the network": (lambda d: d | {"network": d["network"] | {"dropout": 1}}, "is damaged"),
    "no network": (lambda d: d | {"network": None}, "is damaged"),
    "a wider network": (lambda d: d | {"network": d["network"] | {"hidden": [6, 3]}}, "is damaged"),
    "a deeper network": (lambda d: d | {"network": d["network"] | {"hidden": [5, 3, 3]}}, "is damaged"),
    "a shallower network": (lambda d: d | {"network": d["network"] | {"hidden": [5]}}, "is damaged"),
    "units that are words": (lambda d: d | {"network": d["network"] | {"hidden": "many"}}, "hidden must be"),
    "another task": (lambda d: d | {"task": "binary"}, "is damaged"),
    "a task unheard of": (lambda d: d | {"task": "dance"}, "is damaged"),
    "another target": (lambda d: d | {"target": d["target"] | {"classes": ["a", "b"]}}, "is damaged"),
    "another loss": (lambda d: d | {"loss": "huber"}, "Unknown loss for a multiclass target 'huber'"),
    "no target": (lambda d: d | {"target": {}}, "not a target that steepest saved"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_description_that_does_not_fit_is_refused(saved, change):
    edit, message = CHANGES[change]
    described = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps(edit(described)))
    with pytest.raises(InputError, match=message):
        Model.load(saved)


def test_weights_of_another_shape_or_kind_are_refused(saved, models):
    path = saved / "weights.safetensors"
    arrays = safetensors.numpy.load_file(path)
    for name, array in (
        ("0.weights", arrays["0.weights"][1:]),  # not the encoder's columns
        ("1.biases", arrays["1.biases"][:2]),
        ("2.weights", arrays["2.weights"][:, :2]),
        ("1.weights", arrays["1.weights"].ravel()),
        ("1.weights", arrays["1.weights"].astype(np.int64)),
    ):
        safetensors.numpy.save_file(arrays | {name: np.ascontiguousarray(array)}, path)
        with pytest.raises(InputError, match=r"is damaged"):
            Model.load(saved)
    safetensors.numpy.save_file(arrays, path)
    assert Model.load(saved).task == "multiclass"


def test_a_place_without_a_model_is_said(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"holds no model: there is no model\.json in it\. Give the --out of fit"):
            Model.load(place)


def test_columns_in_another_order_and_more_of_them_change_nothing(models, frame):
    model = models["multiclass"]
    other = frame.select(reversed(frame.columns)).with_columns(pl.lit(1.0).alias("unheard of"))
    for before, after in zip(predictions(model, frame), predictions(model, other), strict=True):
        np.testing.assert_array_equal(before, after)


def test_new_categories_are_warned_of_by_what_predicts_and_not_by_a_score(models, frame):
    model = models["multiclass"]
    new = frame.with_columns(colour=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("mauve")).otherwise("colour"))
    features = read_features(new, model.encoder)
    said = "Column 'colour': 3 rows hold values not seen in training, such as 'mauve'"
    for predict in (model.predict, model.predict_probabilities, model.outputs):
        with pytest.warns(UserWarning, match=said):
            predict(features)
    model.score(features, read(frame, target="level").target)  # a warning would be an error


def test_a_table_is_predicted_in_any_of_the_forms_that_can_be_read(models, frame, tmp_path):
    model = models["regression"]
    expected = model.predict(read_features(frame, model.encoder))
    frame.write_parquet(tmp_path / "table.parquet")
    for table in (frame, frame[:, ::-1], frame.to_pandas(), tmp_path / "table.parquet"):
        np.testing.assert_array_equal(model.predict(table), expected)
    with pytest.raises(InputError, match=r"^A table is a path, .* received numpy\.ndarray"):
        model.predict(np.zeros((3, 8)))


def test_a_model_is_shown_on_one_line(models):
    inputs = len(models["binary"].encoder.feature_names)
    assert repr(models["binary"]) == f"Model of 'new' (binary): network of {inputs}-5-3-1 units, tanh"
