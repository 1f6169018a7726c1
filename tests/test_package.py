"""What ``import steepest`` gives: names that cost nothing until used, each with words of explanation."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
import types

import pytest

import steepest

HEAVY = {
    "jax", "numpy", "polars", "pandas", "sklearn", "scipy", "pyarrow", "plotly", "skrub", "typer", "torch", "keras",
}  # fmt: skip


def in_a_fresh_process(script):
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def test_importing_the_package_imports_nothing_heavy():
    loaded = in_a_fresh_process("import json, sys, steepest; print(json.dumps(sorted(sys.modules)))")
    assert "steepest" in loaded
    assert not HEAVY & set(loaded)


def test_listing_its_names_imports_nothing_either():
    script = "import json, sys, steepest; names = dir(steepest); print(json.dumps([names, sorted(sys.modules)]))"
    names, loaded = in_a_fresh_process(script)
    assert names == sorted(steepest.__all__)
    assert not HEAVY & set(loaded)


def test_training_needs_no_library_of_another_framework():
    script = (
        "import json, sys, steepest as st\n"
        "st.fit(st.Problem(init=[1.0], loss=lambda x: x[0] ** 2), epochs=1)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    assert not {"torch", "keras", "optax", "sklearn", "plotly", "skrub", "typer"} & set(in_a_fresh_process(script))


# What a drop-in must not import.
DROP_INS = {
    "torch": {"jax", "keras", "optax"},
    "optax": {"torch", "keras"},
    "numpy": {"jax", "torch", "keras", "optax"},
}


@pytest.mark.parametrize("framework", DROP_INS)
def test_a_drop_in_needs_its_own_framework_alone(framework):
    script = f"import json, sys, steepest.{framework}; print(json.dumps(sorted(sys.modules)))"
    assert not DROP_INS[framework] & set(in_a_fresh_process(script))


@pytest.mark.parametrize("framework", ["torch", "keras", "optax"])
def test_a_missing_framework_is_named_with_what_to_install(framework):
    script = (
        f"import json, sys; sys.modules['{framework}'] = None\n"
        f"try:\n    import steepest.{framework}\nexcept ImportError as error:\n    print(json.dumps(str(error)))"
    )
    assert f"pip install {framework}" in in_a_fresh_process(script)


@pytest.mark.parametrize("name", steepest.__all__)
def test_every_name_resolves_and_is_explained(name):
    value = getattr(steepest, name)
    assert value is getattr(steepest, name)
    assert len(inspect.getdoc(value)) > 20
    if not isinstance(value, types.ModuleType):
        assert value.__name__ == name
        assert callable(value)


def test_names_are_listed_once_and_are_those_a_type_checker_sees():
    assert len(set(steepest.__all__)) == len(steepest.__all__)
    source = inspect.getsource(steepest)
    for name in set(steepest.__all__) - set(steepest._MODULES):
        assert f" import {name} as {name}\n" in source


def test_functions_are_not_hidden_by_modules_of_their_name():
    for name in ("race", "report", "network", "fit", "read"):
        importlib.import_module("steepest.cli")  # whatever it imports
        assert inspect.isfunction(getattr(steepest, name))


@pytest.mark.parametrize("name", ["adam", "Adamm", "jax", "__path", "_hidden"])
def test_an_unknown_name_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"module 'steepest' has no attribute '{name}'"):
        getattr(steepest, name)
    assert not hasattr(steepest, name)


def modules():
    return [name for _, name, _ in pkgutil.walk_packages(steepest.__path__, "steepest.") if "__main__" not in name]


@pytest.mark.parametrize("name", modules())
def test_everything_public_in_a_module_says_what_it_is(name):
    module = importlib.import_module(name)
    if not inspect.getsource(module).strip().startswith('"""'):
        assert name.split(".")[-1].startswith("_")  # a private file of one public thing, which speaks for it
    for label, value in vars(module).items():
        if label.startswith("_") or getattr(value, "__module__", None) != name:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            assert inspect.getdoc(value), f"{name}.{label}"
        if inspect.isclass(value):
            for method, function in vars(value).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    assert inspect.getdoc(getattr(value, method)), f"{name}.{label}.{method}"
