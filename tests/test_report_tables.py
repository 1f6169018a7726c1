"""The leaderboard as a table for papers: every number where it belongs, and nothing that Markdown or LaTeX misreads."""

import re

import pytest

from steepest.errors import InputError
from steepest.reports._tables import in_latex, in_markdown, latex, markdown

from .report_tables import change, fit_directory, race_directory

HOSTILE = r"50% of my_col & #1 {x} \input{y} $z$ a~b^c <b>|`*[q]"
COMPARED = {
    "differences": [0.1] * 10, "median": 0.0123, "low": -0.002, "high": 12345.0, "p": 0.01, "adjusted": 0.02,
    "beaten": 0.9, "beaten_low": 0.596, "beaten_high": 0.982, "relation": "worse", "more_seeds": None,
}  # fmt: skip


def rank(optimizer: str, **facts) -> dict:
    told = {"optimizer": optimizer, "learning_rate": 1e-4, "median": 0.05, "low": 0.04, "high": 0.06, "runs": 49}
    return told | {"diverged": 0, "at_edge": False, "comparison": None} | facts


@pytest.fixture
def race(tmp_path):
    """A race that ten fresh seeds confirmed: Adam leads, Nadam is no worse, SGD is, and momentum diverged."""
    ranks = [
        rank("adam", interval=[0.0412, 0.0612]),
        rank("nadam", median=0.0623, comparison=COMPARED | {"relation": "undecided"}, at_edge=True),
        rank("sgd", learning_rate=0.1, comparison=COMPARED | {"adjusted": 2e-7}),
        rank("momentum", median=None, interval=[0.4, None], comparison=COMPARED),
    ]

    def confirm(facts):
        verdict = {"confirmed": True, "leaderboard": ranks, "winners": ["adam", "nadam"], "seeds": list(range(13))}
        facts["verdict"] |= verdict
        facts["spec"]["confirm_seeds"] = list(range(3, 13))
        facts["metric"] = {"name": "validation cross-entropy", "unit": "nats"}
        return facts

    return change(race_directory(tmp_path, optimizers=("adam", "nadam", "sgd"), rates=3), "race.json", confirm)


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_holds_every_number_where_it_belongs(race):
    *lines, blank, caption = markdown(race).split("\n")
    head, sides, *rows = map(cells_of, lines)
    assert blank == ""
    assert head == ["Optimizer", "Learning rate", "Median loss (nats, 95 %)", "Difference to the leader (95 %)",
                    "p (Holm)", "P(worse) (95 %)", "Seeds"]  # fmt: skip
    assert sides == [":---"] + ["---:"] * 6
    assert rows == [
        ["**Adam**", "1e-4", "0.05 [0.0412, 0.0612]", "—", "—", "—", "10"],
        ["**Nadam**", "1e-4†", "0.0623", "0.0123 [-0.002, 12,300]", "0.02", "0.9 [0.596, 0.982]", "10"],
        ["SGD", "0.1", "0.05", "0.0123 [-0.002, 12,300]", "2e-7", "0.9 [0.596, 0.982]", "10"],
        ["Momentum", "1e-4", "∞ [0.4, ∞]", "0.0123 [-0.002, 12,300]", "0.02", "0.9 [0.596, 0.982]", "10"],
    ]
    assert caption.startswith(
        "Table: Validation cross-entropy in nats on wine (lower is better): median over 10 fresh "
    )
    assert "10 fresh seeds (3 to 12)" in caption
    assert caption.endswith("steepest 0.1.0.")
    assert "In brackets the 95 % interval, of a median Hettmansperger and Sheather's." in caption
    assert "†: the best rates reach the end of the grid" in caption


def test_latex_is_a_booktabs_table_of_the_same(race):
    lines = latex(race).split("\n")
    assert lines[0] == "% Needs \\usepackage{booktabs}."
    assert [line.strip() for line in lines[1:3]] == ["\\begin{table}", "\\centering"]
    assert lines[3].startswith("  \\caption{Validation cross-entropy in nats on wine")
    assert "the 95 \\% interval" in lines[3]
    assert lines[4] == "  \\begin{tabular}{lrrrrrr}"
    rows = [line.strip() for line in lines[5:]]
    assert rows[0] == "\\toprule"
    assert rows[2] == "\\midrule"
    assert rows[3:5] == [
        r"\textbf{Adam} & $1\times10^{-4}$ & $0.05$ [$0.0412$, $0.0612$] & --- & --- & --- & $10$ \\",
        r"\textbf{Nadam} & $1\times10^{-4}$\textdagger{} & $0.0623$ & $0.0123$ [$-0.002$, $12{,}300$] & $0.02$ & "
        r"$0.9$ [$0.596$, $0.982$] & $10$ \\",
    ]
    assert rows[5].startswith(r"SGD & $0.1$ & $0.05$ & $0.0123$ [$-0.002$, $12{,}300$] & $2\times10^{-7}$ & ")
    assert rows[6].startswith(r"Momentum & $1\times10^{-4}$ & $\infty$ [$0.4$, $\infty$] & ")
    assert rows[7:] == ["\\bottomrule", "\\end{tabular}", "\\end{table}"]
    assert lines[5:].count("    \\toprule") == 1


def test_every_special_character_of_latex_is_escaped():
    assert in_latex(HOSTILE) == (
        r"50\% of my\_col \& \#1 \{x\} \textbackslash{}input\{y\} \$z\$ a\textasciitilde{}b\textasciicircum{}c "
        r"\textless{}b\textgreater{}\textbar{}`*[q]"
    )


def bare(text: str) -> set[str]:
    """The special characters of LaTeX that stand there as commands would, after escapes and our own commands."""
    return set("&%$#_{}~^\\") & set(re.sub(r"\\[&%$#_{}]|\\text\w+\{\}|\\(?:infty|times)|\{,\}", "", text))


@pytest.mark.parametrize("make", [markdown, latex])
def test_hostile_names_stay_text(race, make):
    def rename(facts):
        facts["data"]["name"] = facts["metric"]["unit"] = facts["steepest"] = HOSTILE + "\n\n\\end{table}\x07"
        facts["verdict"]["leaderboard"][0]["optimizer"] = facts["verdict"]["winners"][0] = HOSTILE
        return facts

    change(race, "race.json", rename)
    change(race, "runs.parquet", lambda rows: [row | {"optimizer": HOSTILE} for row in rows])
    told = make(race)
    assert "\x07" not in told
    if make is markdown:
        lines = told.split("\n")
        assert {len(cells_of(line)) for line in lines[:6]} == {7}
        assert len(lines) == 8  # the caption is one paragraph
        assert not re.search(r"(?<!\\)[<>`_$]", told)
    else:
        assert told.count("\\end{table}") == 1
        caption = re.search(r"\\caption\{(.*)\}$", told, re.M)[1]
        assert not bare(caption)
        name = re.search(r"\\textbf\{(.*?)\} & ", told)[1]
        assert name == in_latex(HOSTILE)
        rows = [line for line in told.split("\n") if line.endswith("\\\\")]
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {7}


def test_markdown_s_marks_are_escaped():
    assert in_markdown("a|b *c* _d_ `e` <f> [g] \\") == r"a\|b \*c\* \_d\_ \`e\` \<f\> \[g\] \\"


def test_an_unconfirmed_race_claims_no_differences(tmp_path):
    told = markdown(race_directory(tmp_path, optimizers=("adam", "sgd"), rates=3))
    lines = told.split("\n")
    assert cells_of(lines[0]) == ["Optimizer", "Learning rate", "Median loss (nats)", "Seeds"]
    assert [cells_of(line)[-1] for line in lines[2:4]] == ["3", "3"]
    assert "**" not in told
    assert "median over 3 tuning seeds (0 to 2)" in lines[-1]
    assert "Unconfirmed: the rates were chosen on these very seeds" in lines[-1]


def test_a_difference_over_too_few_seeds_has_no_interval(race):
    def few(facts):
        facts["verdict"]["leaderboard"][2]["comparison"] |= {"low": None, "high": None, "median": -0.5}
        return facts

    change(race, "race.json", few)
    assert cells_of(markdown(race).split("\n")[4])[3] == "-0.5"
    assert r"SGD & $0.1$ & $0.05$ & $-0.5$ & $2\times10^{-7}$ & " in latex(race)


@pytest.mark.parametrize("make", [markdown, latex])
def test_what_has_no_leaderboard_is_refused(tmp_path, make):
    with pytest.raises(InputError, match="holds a fit, which has no leaderboard"):
        make(fit_directory(tmp_path / "fit"))
    lost = race_directory(tmp_path / "race", optimizers=("sgd",), rates=3, verdict=None)
    with pytest.raises(InputError, match="reached no verdict"):
        make(lost)
    with pytest.raises(InputError, match="There is no directory"):
        make(tmp_path / "nowhere")


def test_a_partial_race_says_so(race):
    change(race, "race.json", lambda facts: facts | {"partial": True})
    assert "Partial: the race was interrupted." in markdown(race)
