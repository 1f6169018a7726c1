"""Whatever is given wrongly ends as one sentence and exit code 2, and leaves nothing behind."""

from itertools import product

import pytest

from .cli_tools import TINY, TINY_RACE, Shell, file_size_limit

ROWS = [f"{i},{i % 7},{'ab'[i % 2]}" for i in range(30)]
HEADER = "x,z,y"


def csv(*lines: str, end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


TABLES = {
    "ok.csv": csv(HEADER, *ROWS),
    "empty.csv": b"",
    "blank.csv": b"\n\n  \n",
    "header.csv": csv(HEADER),
    "one.csv": csv(HEADER, ROWS[0]),
    "few.csv": csv(HEADER, *ROWS[:5]),
    "one_class.csv": csv("x,y", *(f"{i},a" for i in range(30))),
    "rare_class.csv": csv(HEADER, *ROWS, "1,2,c"),
    "constant.csv": csv("x,y", *(f"{i},1.5" for i in range(30))),
    "ten.csv": csv("x,y", *(f"{i},{'aaaabbbccc'[i]}" for i in range(10))),
    "no_feature.csv": csv("y", *(f"{'ab'[i % 2]}" for i in range(30))),
    "nothing_varies.csv": csv("c,m,y", *(f"7,,{'ab'[i % 2]}" for i in range(30))),
    "infinite.csv": csv(HEADER, *ROWS, "inf,2,a"),
    "infinite_target.csv": csv("x,y", *(f"{i},{'-inf' if i == 3 else i * 1.5}" for i in range(30))),
    "twice.csv": csv("x,x,y", *ROWS),
    "nameless.csv": csv(",x,y", *ROWS),
    "short_row.csv": csv(HEADER, *ROWS, "1,2"),
    "long_row.csv": csv(HEADER, *ROWS, "1,2,a,4"),
    "open_quote.csv": csv(HEADER, '1,2,"a', *ROWS),
    "latin1.csv": csv(HEADER, *ROWS) + "1,2,é\n".encode("latin-1"),
    "binary.csv": b"\x00\x01\x02\xff" * 50,
    "target_gap.csv": csv(HEADER, *ROWS, "1,2,"),
    "junk.parquet": b"junk",
    "cut.arrow": b"ARROW1\0\0cut short",
    "plain": csv(HEADER, *ROWS),
    "notes.txt": b"hello",
}


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    for name, content in TABLES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    return Shell(tmp_path, monkeypatch, capsys)


def words_of(command: str) -> tuple[str, ...]:
    return TINY if command == "fit" else TINY_RACE


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("nowhere.csv", ["nowhere.csv", "no file"]),
        ("twise.csv", ["twise.csv", "Did you mean 'twice.csv'"]),
        ("winee", ["Did you mean 'wine'", "digits, breast-cancer, wine, iris, diabetes"]),
        ("folder", ["folder is a directory"]),
        ("", ["directory"]),
        ("plain", ["suffix", ".csv"]),
        ("notes.txt", ["suffix '.txt'", ".csv"]),
        ("empty.csv", ["empty.csv is empty"]),
        ("blank.csv", ["blank.csv is empty"]),
        ("header.csv", ["header.csv has no rows below its header"]),
        ("one.csv", ["one.csv has one row", "ten"]),
        ("few.csv", ["5 rows", "at least 10"]),
        ("one_class.csv", ["'a' in every row"]),
        ("rare_class.csv", ["Class 'c'", "1 row"]),
        ("constant.csv", ["'1.5' in every row"]),
        ("no_feature.csv", ["no column besides its target"]),
        ("nothing_varies.csv", ["constant or empty"]),
        ("infinite.csv", ["'x'", "infinite", "row 31"]),
        ("infinite_target.csv", ["'y'", "infinite", "row 4"]),
        ("twice.csv", ["more than one column named 'x'"]),
        ("nameless.csv", ["Column 1", "no name"]),
        ("short_row.csv", ["Line 32", "2 fields", "header 3"]),
        ("long_row.csv", ["Line 32", "4 fields", "header 3"]),
        ("open_quote.csv", ["quote"]),
        ("latin1.csv", ["UTF-8", "line 32", "iconv"]),
        ("binary.csv", ["not text"]),
        ("target_gap.csv", ["'y'", "missing in 1 of 31"]),
        ("junk.parquet", ["junk.parquet", "Parquet"]),
        ("cut.arrow", ["cut.arrow", "Arrow"]),
    ],
)
def test_a_table_that_cannot_be_learned_from(shell, table, said):
    sentence = shell.refuses("fit", table, "--target", "y", *TINY)
    assert all(part in sentence for part in said), sentence
    assert shell.refuses("race", table, "--target", "y", *TINY_RACE) == sentence


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], ["Which column", "--target COL", "x, z, y"]),
        (["--target", "yy"], ["'yy'", "Did you mean 'y'", "x, z, y"]),
        (["--target", "price"], ["'price'", "x, z, y"]),
        (["--target", "y", "--weight", "q"], ["weight", "'q'"]),
        (["--target", "y", "--weight", "y"], ["'y'", "both"]),
        (["--target", "y", "--task", "regresion"], ["'regresion'", "Did you mean 'regression'"]),
        (["--target", "y", "--task", "regression"], ["'y'", "no number"]),
        (["--target", "z", "--task", "binary"], ["'z'", "7 distinct"]),
        (["--target", "y", "--class-weight", "balance"], ["'balance'", "Did you mean 'balanced'"]),
        (["--target", "y", "--loss", "huber"], ["'huber'", "binary_cross_entropy"]),
    ],
)
def test_a_column_or_task_that_does_not_fit_the_table(shell, options, said):
    sentence = shell.refuses("fit", "ok.csv", *TINY, *options)
    assert all(part in sentence for part in said), sentence
    assert shell.refuses("race", "ok.csv", *TINY_RACE, *options) == sentence


SHARED = [
    ("--hidden", "a", ["'a'", "64,64"]),
    ("--hidden", "0", ["0", "positive"]),
    ("--hidden", "-3", ["-3", "positive"]),
    ("--hidden", "8,,8", ["'8,,8'"]),
    ("--hidden", "1.5", ["'1.5'"]),
    ("--epochs", "0", ["received 0", "1 or more"]),
    ("--epochs", "x", ["--epochs", "received 'x'"]),
    ("--epochs", "1.5", ["--epochs", "received '1.5'"]),
    ("--batch-size", "0", ["received 0", "1 or more"]),
    ("--batch-size", "-2", ["received -2"]),
    ("--batch-size", "x", ["--batch-size", "'x'"]),
    ("--batch-size", "107", ["107", "106 training rows"]),
    ("--patience", "-1", ["--patience", "-1"]),
    ("--scale", "nan", ["scale", "nan"]),
    ("--scale", "-1", ["scale", "-1"]),
    ("--activation", "rellu", ["'rellu'", "Did you mean 'relu'"]),
    ("--initializer", "he_norml", ["'he_norml'", "Did you mean 'he_normal'"]),
    ("--epoch", "3", ["--epoch", "--epochs", "--help"]),
    ("--out", "folder", ["'folder' exists already"]),
    ("--out", "ok.csv", ["'ok.csv' exists already"]),
    ("--out", "ok.csv/out", ["'ok.csv' is a file"]),
    ("--out", "/proc/out", ["Cannot write '/proc/out'"]),
]
FIT = [
    ("--optimizer", "adma", ["'adma'", "Did you mean 'adam'", "sgd"]),
    ("--optimizer", "", ["''", "sgd"]),
    ("--learning-rate", "0", ["positive", "received 0.0", "Try 1e-3"]),
    ("--learning-rate", "-1", ["positive", "received -1.0"]),
    ("--learning-rate", "nan", ["finite", "received nan"]),
    ("--learning-rate", "inf", ["finite", "received inf"]),
    ("--learning-rate", "fast", ["--learning-rate", "received 'fast'"]),
    ("--schedule", "cosin", ["'cosin'", "Did you mean 'cosine'"]),
    ("--warmup", "-1", ["--warmup", "-1"]),
    ("--set", "b1", ["b1=0.8", "'b1'"]),
    ("--set", "b1=x", ["'b1=x'"]),
    ("--set", "b3=0.1", ["'b3'", "b1, b2, epsilon"]),
    ("--set", "b1=2", ["b1", "[0, 1)", "2.0"]),
    ("--set", "learning_rate=2", ["'learning_rate'", "b1, b2, epsilon"]),
    ("--set", "name=2", ["'name'", "b1, b2, epsilon"]),
    ("--set", "transforms=2", ["'transforms'", "b1, b2, epsilon"]),
    ("--clip-norm", "0", ["--clip-norm", "received 0.0"]),
    ("--clip-value", "nan", ["--clip-value", "received nan"]),
    ("--noise", "-1", ["--noise", "received -1.0"]),
    ("--sampling", "shufled", ["'shufled'", "Did you mean 'shuffled'"]),
    ("--seed", "-1", ["--seed", "received -1"]),
    ("--seed", "99999999999999999999", ["--seed", "received 99999999999999999999"]),
    ("--seed", "x", ["--seed", "received 'x'"]),
]
RACE = [
    ("--optimizers", "adam,adma", ["'adma'", "Did you mean 'adam'"]),
    ("--optimizers", "", ["at least one optimizer"]),
    ("--optimizers", ",", ["at least one optimizer"]),
    ("--optimizers", "adam,adam", ["once", "adam, adam"]),
    ("--learning-rates", "0", ["how many", "each positive", "received 0", "1e-3 and 1e-2"]),
    ("--learning-rates", "-1", ["how many", "each positive", "received -1"]),
    ("--learning-rates", "0.0", ["positive", "received 0.0"]),
    ("--learning-rates", "0.1,-1", ["positive", "received -1.0"]),
    ("--learning-rates", "nan", ["finite", "received nan"]),
    ("--learning-rates", "x", ["--learning-rates", "'x'", "1e-3,1e-2"]),
    ("--learning-rates", "", ["--learning-rates", "''"]),
    ("--learning-rates", "2000", ["received 2000"]),
    ("--seeds", "0", ["received 0"]),
    ("--seeds", "-1", ["received -1"]),
    ("--seeds", "1,1", ["[1, 1]"]),
    ("--seeds", "x", ["--seeds", "'x'"]),
    ("--seeds", "99999999999", ["received 99999999999"]),
]


@pytest.mark.parametrize(
    ("command", "option", "value", "said"),
    [(command, *case) for command, case in product(("fit", "race"), SHARED)]
    + [("fit", *case) for case in FIT]
    + [("race", *case) for case in RACE],
)
def test_an_option_that_cannot_be(shell, command, option, value, said):
    sentence = shell.refuses(command, "wine", *words_of(command), option, value, silently=True)
    assert all(part in sentence for part in said), sentence


def test_a_dry_run_refuses_what_the_race_would(shell):
    assert "107" in shell.refuses("race", "wine", *TINY_RACE, "--batch-size", "107", "--dry-run")
    for place in ("folder", "ok.csv", "ok.csv/out", "/proc/out"):
        sentence = shell.refuses("race", "wine", *TINY_RACE, "--out", place, "--dry-run", silently=True)
        assert place in sentence


def test_a_dry_run_with_a_free_place_leaves_nothing_there(shell):
    shell.works("race", "wine", *TINY_RACE, "--out", "deep/out", "--dry-run")
    assert not (shell.place / "deep").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], ["'frobnicate'", "steepest --help"]),
        (["rase"], ["'rase'", "Did you mean 'race'"]),
        (["fit"], ["DATA", "steepest fit --help"]),
        (["race"], ["DATA", "steepest race --help"]),
        (["predict", "model"], ["DATA", "steepest predict --help"]),
        (["report"], ["DIR", "steepest report --help"]),
        (["fit", "wine", "iris"], ["iris"]),
        (["--fast"], ["--fast"]),
        (["report", "nowhere"], ["'nowhere'"]),
        (["report", "folder"], ["race.json"]),
        (["report", "ok.csv"], ["ok.csv"]),
    ],
)
def test_words_that_make_no_command(shell, words, said):
    sentence = shell.refuses(*words)
    assert all(part in sentence for part in said), sentence


FULL = "Cannot write 'deep/out': file too large. Give another place, or make room there."


@pytest.mark.parametrize(("command", "size"), [("fit", 300), ("fit", 2500), ("fit", 30_000), ("race", 300)])
def test_a_disk_that_fills_up_while_results_are_written(shell, command, size):
    with file_size_limit(size):
        sentence = shell.refuses(command, "wine", *words_of(command), "--out", "deep/out")
    assert sentence == FULL


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (5000, FULL),
        (30_000, "'deep/out/report.html' cannot be written (File too large); make room or make it writable."),
    ],
    ids=["results", "report"],
)
def test_a_race_whose_disk_fills_up_goes_on_once_there_is_room(shell, size, sentence):
    race = ("race", "wine", *words_of("race"), "--learning-rates", "5", "--out", "deep/out")
    with file_size_limit(size):
        said = shell(*race)
    assert (said.code, said.err) == (2, f"steepest: {sentence}\n")
    assert "this race ended before and are not run again" in shell.works(*race, "--resume")
    assert (shell.place / "deep" / "out" / "report.html").exists()


def test_more_seeds_than_can_split_the_table_differently(shell):
    """Of 4, 3 and 3 rows each class gives one to the test and one to validation: 3 x 2 x 2 = 12 ways."""
    words = ("race", "ten.csv", "--target", "y", *TINY_RACE)
    said = shell.refuses(*words, "--seeds", "3", "--confirm-seeds", "10")
    assert "ten has 10 rows, which 12 seeds can split in different ways; received 13 seeds, fresh ones included" in said
    shell.works(*words, "--seeds", "12", "--dry-run")
