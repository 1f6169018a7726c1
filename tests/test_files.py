"""What is written is whole or not there at all, and nothing that exists is lost."""

import os
import stat
import sys
from pathlib import Path

import polars as pl
import pytest
from safetensors import numpy as safetensors_numpy

from steepest.errors import InputError
from steepest.files import new_directory, new_file, replaced_directory

from .cli_tools import file_size_limit


def listing(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_a_directory_appears_whole_when_the_block_ends(tmp_path, umask):
    with new_directory(tmp_path / "out") as inside:
        (inside / "a").write_text("1")
        assert not (tmp_path / "out").exists()
        assert inside.parent == tmp_path  # the same disk, so that the last step is a rename
    assert (tmp_path / "out" / "a").read_text() == "1"
    assert listing(tmp_path) == ["out"]
    assert mode(tmp_path / "out") == 0o750


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_directory_vanishes_when_the_block_fails(tmp_path, error):
    def fail():
        with new_directory(tmp_path / "deep" / "er" / "out") as inside:
            (inside / "a").write_text("1")
            raise error

    with pytest.raises(error):
        fail()
    assert listing(tmp_path) == []


def test_a_directory_is_replaced_whole(tmp_path, umask):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with replaced_directory(tmp_path / "out") as inside:
        (inside / "new").write_text("new")
        assert listing(tmp_path / "out") == ["old"]
    assert listing(tmp_path) == ["out"]
    assert listing(tmp_path / "out") == ["new"]
    assert mode(tmp_path / "out") == 0o750


def test_a_directory_stays_where_what_is_to_replace_it_fails(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt), replaced_directory(tmp_path / "out"):
        raise KeyboardInterrupt
    rename = Path.rename

    def fails(path, target):
        if path.suffix == ".partial":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(InputError, match="no space left"), replaced_directory(tmp_path / "out"):
        pass
    assert listing(tmp_path) == ["out"]
    assert listing(tmp_path / "out") == ["old"]


def test_parents_that_were_there_stay_when_the_block_fails(tmp_path):
    (tmp_path / "deep").mkdir()
    with pytest.raises(RuntimeError), new_directory(tmp_path / "deep" / "er" / "out"):
        raise RuntimeError
    assert listing(tmp_path) == ["deep"]
    assert listing(tmp_path / "deep") == []


def test_missing_parents_are_made(tmp_path):
    with new_directory(tmp_path / "deep" / "er" / "out"):
        pass
    assert (tmp_path / "deep" / "er" / "out").is_dir()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_text("mine"), "file"),
        (lambda path: path.symlink_to("nowhere"), "exists already"),
    ],
)
def test_what_exists_is_never_replaced_by_a_directory(tmp_path, make, said):
    make(tmp_path / "out")
    with pytest.raises(InputError, match=said), new_directory(tmp_path / "out"):
        raise AssertionError("the block must not run")
    assert listing(tmp_path) == ["out"]


def test_a_place_inside_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file") as caught, new_directory(tmp_path / "file" / "out"):
        raise AssertionError("the block must not run")
    assert str(tmp_path / "file") in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("make", [new_directory, new_file])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(make):
    with pytest.raises(InputError, match=r"Cannot write '/proc/out\.csv'"), make("/proc/out.csv"):
        raise AssertionError("the block must not run")


def test_a_directory_that_appeared_meanwhile_is_not_lost(tmp_path):
    def meanwhile():
        with new_directory(tmp_path / "out"):
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "theirs").write_text("theirs")

    with pytest.raises(InputError, match="Cannot write"):
        meanwhile()
    assert (tmp_path / "out" / "theirs").read_text() == "theirs"
    assert listing(tmp_path) == ["out"]


WRITERS = {
    "text": lambda path: path.write_text("x" * 10_000),
    "Parquet": lambda path: pl.DataFrame({"a": [f"{i * i}" for i in range(5000)]}).write_parquet(path),
    "CSV": lambda path: pl.DataFrame({"a": [f"{i * i}" for i in range(5000)]}).write_csv(path),
    "safetensors": lambda path: safetensors_numpy.save_file({"a": pl.Series(range(5000)).to_numpy()}, path),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_a_disk_that_fills_up_is_one_sentence_whoever_writes(tmp_path, write):
    with (
        file_size_limit(1000),
        pytest.raises(InputError, match=r"^Cannot write '.*out': file too large\. ") as caught,
        new_directory(tmp_path / "out") as inside,
    ):
        write(inside / "table")
    assert ".partial" not in str(caught.value)
    assert listing(tmp_path) == []


def test_an_error_that_is_no_writing_error_passes_as_it_is(tmp_path):
    with pytest.raises(InputError, match=r"^its own words$"), new_directory(tmp_path / "out"):
        raise InputError("its own words")


def test_a_file_appears_whole_when_the_block_ends(tmp_path, umask):
    with new_file(tmp_path / "out.csv") as inside:
        inside.write_text("1")
        assert inside.suffix == ".csv"
        assert not (tmp_path / "out.csv").exists()
    assert (tmp_path / "out.csv").read_text() == "1"
    assert listing(tmp_path) == ["out.csv"]
    assert mode(tmp_path / "out.csv") == 0o640


def test_an_older_file_survives_a_block_that_fails(tmp_path):
    (tmp_path / "out.csv").write_text("old")

    def fail():
        with new_file(tmp_path / "out.csv") as inside:
            inside.write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "out.csv").read_text() == "old"
    assert listing(tmp_path) == ["out.csv"]


def test_a_file_is_not_written_over_a_directory(tmp_path):
    with pytest.raises(InputError, match="is a directory"), new_file(tmp_path):
        raise AssertionError("the block must not run")


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path):
    with file_size_limit(1000), pytest.raises(InputError, match="file too large"), new_file(tmp_path / "a") as inside:
        inside.write_text("x" * 10_000)
    assert listing(tmp_path) == []
