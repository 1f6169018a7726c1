"""A model whose encoder was tampered with is refused in a sentence, and nothing that it names is called."""

import json

import polars as pl
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from steepest.data import read
from steepest.errors import InputError
from steepest.problems import Model, network
from steepest.training import fit


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    rows = range(60)
    frame = pl.DataFrame(
        {
            "size": [float(i % 7) if i % 5 else None for i in rows],
            "colour": [("red", "blue", "green")[i % 3] for i in rows],
            "day": pl.Series([f"2024-01-{1 + i % 28:02d}" for i in rows]).str.to_date(),
            "kind": ["a" if i % 7 > 3 else "b" for i in rows],
        }
    )
    problem = network(read(frame, target="kind", name="frame"), hidden=(3,))
    model = problem.model(fit(problem, epochs=1).parameters, 0)
    place = tmp_path_factory.mktemp("models") / "model"
    model.save(str(place))
    return place


def altered(place, change, tmp_path):
    """A copy of a model with its encoder's header or arrays changed."""
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(place, copy)
    with safe_open(copy / "encoder.safetensors", framework="numpy") as file:
        header = json.loads(file.metadata()["steepest"])
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dict
    change(header, arrays)
    save_file(arrays, copy / "encoder.safetensors", metadata={"steepest": json.dumps(header)})
    return copy


CHANGES = {
    "an unknown kind": lambda header, arrays: header["kinds"].update(size="code"),
    "a date field that is another method": lambda header, arrays: header["codes"]["day"].update(fields=["to_list"]),
    "a gap beyond the columns": lambda header, arrays: arrays.update({"squash.gaps": arrays["squash.gaps"] + 99}),
    "too few medians": lambda header, arrays: arrays.update({"squash.median": arrays["squash.median"][:1]}),
    "an unknown code": lambda header, arrays: header["codes"]["colour"].update(code="eval"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_tampered_encoder_is_refused(trained, name, tmp_path):
    with pytest.raises(InputError, match=r"^(The model in .* is damaged|.* is not a feature encoder)"):
        Model.load(altered(trained, CHANGES[name], tmp_path))


def test_untouched_it_loads_and_predicts(trained, tmp_path):
    model = Model.load(altered(trained, lambda header, arrays: None, tmp_path))
    assert set(model.predict(model.encoder.gaps())) <= {"a", "b"}


def test_a_model_is_not_written_over_another(trained):
    with pytest.raises(InputError, match="exists already"):
        Model.load(trained).save(trained)
