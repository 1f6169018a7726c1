"""The command in a process of its own: as a program, on a terminal, interrupted, and out of memory."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from .cli_tools import TINY, TINY_RACE, Shell, process, tree
from .report_tables import confirmed_directory

COMMAND = [sys.executable, "-m", "steepest"]


def test_no_words_at_all_show_the_help(tmp_path):
    shown = process(cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage: steepest ")
    assert all(f"\n  {command} " in shown.stdout for command in ("fit", "race", "predict", "report"))
    assert process("--help", cwd=tmp_path).stdout == shown.stdout


def test_fit_predict_and_report_one_after_another(tmp_path):
    fitted = process("fit", "wine", *TINY, "--optimizer", "sgd", "--out", "model", cwd=tmp_path)
    assert (fitted.returncode, fitted.stderr) == (0, "")
    predicted = process("predict", "model", "wine", cwd=tmp_path)
    assert (predicted.returncode, predicted.stderr) == (0, "")
    assert len(pl.read_csv(tmp_path / "predictions.csv")) == 178
    drawn = process("report", "model", cwd=tmp_path)
    assert (drawn.returncode, drawn.stdout) == (0, "Report: model/report.html\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "predictions.csv"]


def test_a_command_that_only_reads_ends_as_it_should_each_time(tmp_path):
    """A thread that still held a file of Python's as the interpreter went aborted every second such process."""
    confirmed_directory(tmp_path / "race", optimizers=("adam", "sgd"), fresh=2)
    ended = [process("report", "race", "--markdown", cwd=tmp_path) for _ in range(5)]
    assert [(one.returncode, one.stderr) for one in ended] == [(0, "")] * 5


def test_a_mistake_is_one_line_on_stderr_and_code_2(tmp_path):
    refused = process("fit", "wine", *TINY, "--learning-rate", "nan", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == "steepest: learning_rate must be positive and finite; received nan. Try 1e-3.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_network_larger_than_the_memory_is_a_mistake_too(tmp_path):
    refused = process("fit", "wine", "--epochs", "1", "--hidden", "1000000,1000000", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == (
        "steepest: There is not enough memory for this. Give a smaller table, network or batch.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_output_that_cannot_be_written_is_a_mistake_too(tmp_path):
    with open("/dev/full", "w") as full:
        refused = subprocess.run(
            [*COMMAND, "fit", "wine", *TINY], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert refused.returncode == 2
    assert refused.stderr.startswith("steepest: ")
    assert "No space left" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_one_line_changes(tmp_path):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    race = subprocess.Popen(
        [*COMMAND, "race", "wine", "--hidden", "none", "--optimizers", "sgd", "--confirm-seeds", "0", "--no-diagnosis",
         "--out", "race"],
        cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = _until_closed(ours)
    assert race.wait(30) == 0
    assert "/39" in shown  # 13 rates x 3 seeds, counted on the line
    assert "\x1b[2K" in shown  # the line is wiped and written again
    assert shown.count("39 runs: 1 optimizer x 13 learning rates x 3 seeds") == 1
    assert " of 39 runs; " not in shown  # no plain lines besides
    assert shown.rstrip().endswith("Report: race/report.html")


def _until_closed(terminal: int, seconds: float = 90) -> str:
    shown, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
    os.close(terminal)
    return shown.decode()


@contextlib.contextmanager
def listening():
    """Whoever is started hears Ctrl-C, also where the tests run in the background of a script, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start_race(place, *words):
    with listening():
        return subprocess.Popen(
            [*COMMAND, "race", "wine", *words, "--no-diagnosis", "--out", "race"],
            cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        )  # fmt: skip


def interrupt(race, seconds: float):
    """Ctrl-C so many seconds after the plan was told, and what was said until the end."""
    told = ""
    while "runs:" not in told and (line := race.stdout.readline()):
        told += line
    time.sleep(seconds)
    for _ in range(5):  # an impatient user; what has run is kept all the same
        with contextlib.suppress(ProcessLookupError):
            race.send_signal(signal.SIGINT)
        time.sleep(0.1)
    out, err = race.communicate(timeout=60)
    return told + out, err


def test_ctrl_c_in_a_race_keeps_and_marks_what_has_run(tmp_path):
    long = ("--epochs", "20000", "--patience", "0", "--learning-rates", "100", "--seeds", "1", "--full")
    long += ("--confirm-seeds", "0")
    race = start_race(tmp_path, "--optimizers", "sgd", "--hidden", "none", *long)
    told, err = interrupt(race, 4)
    assert (race.returncode, err) == (130, "")
    assert told.endswith("Report: race/report.html\nGo on with it by the same command and --resume.\n")
    facts = json.loads((tmp_path / "race" / "race.json").read_text())
    assert facts["partial"] is True
    runs = pl.read_parquet(tmp_path / "race" / "runs.parquet")
    marked = f"Partial, {len(runs)} of 100 runs: Use SGD at a learning rate of "
    page = (tmp_path / "race" / "report.html").read_text()
    assert facts["verdict"]["sentence"].startswith(marked)
    assert told.count(marked) == page.count(marked) == 1
    assert page.count("partial: interrupted") == 1
    assert "partial: interrupted after" not in page  # which the headline has told
    curves = pl.read_parquet(tmp_path / "race" / "curves.parquet")
    assert 0 < len(runs) < 100
    assert set(runs["status"]) <= {"ok", "stopped", "diverged"}
    assert set(curves["run"]) == set(runs["run"])
    assert [path.name for path in tmp_path.iterdir()] == ["race"]


def test_ctrl_c_before_anything_has_run_leaves_nothing(tmp_path):
    with listening():
        fit = subprocess.Popen(
            [*COMMAND, "fit", "digits", "--epochs", "1000000", "--patience", "0", "--out", "fit"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    fit.stdout.readline()
    time.sleep(2)
    assert tree(tmp_path)  # the temporary directory is there, so the fit has begun
    fit.send_signal(signal.SIGINT)
    _, err = fit.communicate(timeout=60)
    assert (fit.returncode, err) == (130, "Interrupted; nothing was written.\n")
    assert tree(tmp_path) == {}


def test_a_race_in_another_process_gives_the_same_bytes(tmp_path, monkeypatch, capsys):
    raced = process("race", "wine", *TINY_RACE, "--seeds", "2", "--out", "theirs", cwd=tmp_path)
    assert raced.returncode == 0, raced.stderr
    Shell(tmp_path, monkeypatch, capsys).works("race", "wine", *TINY_RACE, "--seeds", "2", "--out", "ours")
    ours, theirs = (pl.read_parquet(tmp_path / name / "runs.parquet") for name in ("ours", "theirs"))
    assert ours.equals(theirs)
    assert (tmp_path / "ours/curves.parquet").read_bytes() == (tmp_path / "theirs/curves.parquet").read_bytes()
