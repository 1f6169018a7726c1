"""The report as a page: what stands on it, for each kind of directory, and that nothing on it can do harm."""

import html.parser
import itertools
import json
import re
import shutil
import subprocess
import time

import numpy as np
import pytest

from steepest.pictures import STYLES, contrast, text_color
from steepest.reports import report

from .report_tables import change, confirmed_directory, fit_directory, race_directory, regression

HOSTILE = "</script><script>alert(1)</script>"


class Page(html.parser.HTMLParser):
    """What a browser would see: every element, the text outside scripts, and the embedded figures."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source, self.elements, self.text, self.scripts, self._inside = source, [], "", [], None
        self.feed(source)
        data = {a["id"]: json.loads(t) for a, t in self.scripts if a.get("type") == "application/json"}
        self.runs, self.figures = data.pop("runs-data", None), data

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = tag
            if tag == "script":
                self.scripts.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        self._inside = None if tag == self._inside else self._inside

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1][1] += data
        elif self._inside is None:
            self.text += " " + " ".join(data.split())

    def having(self, **attributes):
        return [a for _, a in self.elements if all(a.get(key) == value for key, value in attributes.items())]

    def tags(self, name):
        return [a for tag, a in self.elements if tag == name]

    def points(self, *traces):
        """How many points the named traces of all learning-rate panels hold."""
        panels = [figure for name, figure in self.figures.items() if name.startswith("rates-")]
        return sum(len(trace["x"]) for panel in panels for trace in panel["data"] if trace["name"] in traces)


def draw(directory) -> Page:
    return Page(report(directory).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def race(tmp_path_factory):
    return race_directory(tmp_path_factory.mktemp("race"))


@pytest.fixture(scope="module")
def page(race):
    return draw(race)


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory):
    return confirmed_directory(tmp_path_factory.mktemp("confirmed"))


def test_a_confirmed_race_shows_its_winners_and_every_seed(confirmed):
    page = draw(confirmed)
    parts = ["Leaderboard", "Seed by seed", "Learning-rate sensitivity", "Budget curve", "Time to target"]
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", page.source)[:6] == [*parts, "Loss curves"]
    chips = re.search(r'<ul class="chips".*?</ul>', page.source, re.S)[0]
    assert re.sub(r"<[^>]*>", " ", chips).split() == ["Adam", "recommended", "RMSProp"]
    assert "unconfirmed" not in page.text
    assert "fresh seeds: below" not in page.text
    assert {"differences-data", "strips-data"} <= set(page.figures)
    assert len(page.having(role="img")) == len(page.figures) + 1
    head = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', page.source)[:10]
    assert head[4:8] == ["Difference to the leader", "Adjusted p", "P(leader better)", "So it is"]
    assert head[8:] == ["Loss at the usual rate", "µs a step"]
    assert (
        "To settle it: the command at the end of this page with --out this directory and --add-seeds 7 runs"
        in page.text
    )
    assert "Nadeau &amp; Bengio" in page.source
    assert "Hollow marks are rates that were dropped on the way" in page.text
    assert len(page.runs["curves"]) == len(page.runs["runs"]) == 69


def test_a_race_that_was_interrupted_while_confirming_is_called_partial_and_asks_for_no_more_seeds(tmp_path):
    page = draw(confirmed_directory(tmp_path, partial=True))
    assert "partial: interrupted" in page.text
    assert "Seed by seed" in page.text
    assert "add-seeds" not in page.text


@pytest.mark.parametrize(("fresh", "said"), [(5, True), (6, False)])
def test_fewer_than_six_fresh_seeds_are_a_badge(tmp_path, fresh, said):
    page = draw(confirmed_directory(tmp_path, fresh=fresh))
    assert ("only 5 fresh seeds: below 6 no difference can be significant" in page.text) is said


def test_a_race_shows_its_verdict_and_every_part_in_order(page):
    assert re.search(r"<h1>Use Nadam at a learning rate of 0.001", page.source)
    parts = ["Leaderboard", "Learning-rate sensitivity", "Loss curves", "Recommended model", "How it was done"]
    parts += ["A run's curves"]
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", page.source) == parts
    assert "unconfirmed: 3 tuning seeds; differences may be luck" in page.text
    assert "partial" not in page.text
    for said in ("steepest race wine --seeds 3", "Column 'x' is constant", "0.10.2", "he_normal", "RMSProp", "0.0612"):
        assert said in page.text


def test_the_leaderboard_has_a_row_an_optimizer(page, race):
    ranks = json.loads((race / "race.json").read_text())["verdict"]["leaderboard"]
    body = re.search(r'<table class="leaderboard">.*?<tbody>(.*?)</tbody>', page.source, re.S)[1]
    rows = [re.sub(r"<[^>]*>|&nbsp;", " ", row).split() for row in re.findall(r"<tr.*?</tr>", body, re.S)]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 10)]
    assert [row[1].lower() for row in rows] == [rank["optimizer"] for rank in ranks]
    assert [row[3] for row in rows] == [f"{rank['median']:.3g}" for rank in ranks[:8]] + ["edge"]
    assert body.count("edge of grid") == 1
    assert body.count("5 of 39 (12.8 %)") == 9


def test_single_seeds_and_training_losses_of_many_optimizers_are_switched_off_at_first(page):
    pressed = {a["data-part"]: a["aria-pressed"] for a in page.tags("button") if "data-part" in a}
    assert pressed == {"validation": "true", "training": "false", "seeds": "false"}
    shown = [t["meta"] for t in page.figures["losses-data"]["data"] if t.get("visible", True)]
    assert len(shown) == 9
    assert not any(one["seeds"] or one["part"] == "training" for one in shown)
    assert "With so many optimizers, single seeds and training losses are switched off at first." in page.text


def test_every_run_is_a_mark_in_its_panel(page):
    assert page.points("run", "above", "diverged", "interrupted") == 9 * 13 * 3
    assert page.points("diverged") == 9 * 5
    assert page.points("best") == 9


def test_every_chart_has_a_text_alternative_and_its_numbers(page):
    plots = [a for a in page.having(role="img") if "data-figure" in a]
    assert len(plots) == 9 + 1 + 1 == len(page.figures)
    assert all(a["aria-label"].endswith(".") and re.search(r"\d", a["aria-label"]) for a in plots)
    assert {a["data-figure"] for a in plots} == set(page.figures)
    assert len({a["id"] for _, a in page.elements if "id" in a}) == len([1 for _, a in page.elements if "id" in a])
    assert len(page.tags("details")) == 4
    assert all("scope" in a for a in page.tags("th"))
    assert page.tags("html") == [{"lang": "en"}]
    assert {"header", "main", "footer", "h1"} <= {tag for tag, _ in page.elements}


def test_the_page_asks_the_network_for_nothing(page):
    without = page.source.replace(page.scripts[-2][1], "")
    assert len(without) < 500_000
    assert not re.search(r"https?:|//cdn|@import|url\(", without)
    assert not [a for _, a in page.elements if {"src", "srcset", "data", "poster"} & set(a)]
    assert [a["href"] for _, a in page.elements if "href" in a] == ["#main"]
    policy = next(a["content"] for a in page.tags("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")


def test_hostile_names_stay_text(tmp_path):
    link = "<a href='javascript:alert(1)'>x</a>"
    race_directory(tmp_path, optimizers=("sgd", "adam"), rates=3, classes=(HOSTILE, link, "ok"))

    def rename(facts):
        facts["verdict"]["sentence"] = f"Use {HOSTILE}"
        facts["command"] = f"steepest race '{HOSTILE}'"
        facts["metric"]["unit"] = facts["data"]["name"] = facts["data"]["target"] = facts["spec"]["data"] = HOSTILE
        facts["data"]["notes"] = facts["data"]["classes"] = [HOSTILE]
        facts["versions"][HOSTILE] = HOSTILE
        facts["created"] = facts["steepest"] = facts["spec_hash"] = HOSTILE
        return facts

    page = draw(change(tmp_path, "race.json", rename))
    assert "alert(1)" not in "".join(text for a, text in page.scripts if a.get("type") != "application/json")
    assert len([1 for a, _ in page.scripts if "nonce" in a]) == len(page.scripts) - len(page.figures) - 1 == 2
    assert not page.tags("a")[1:]
    assert HOSTILE in page.text
    embedded = "".join(text for a, text in page.scripts if a.get("type") == "application/json")
    assert not set("<>&") & set(embedded)
    labels = page.figures["confusion-data"]["layout"]["xaxis"]["ticktext"]
    assert labels[0].startswith("&lt;/script")


def test_an_optimizer_of_ones_own_is_escaped_too(tmp_path):
    page = draw(race_directory(tmp_path, optimizers=("adam", '"><img src=x onerror=alert(1)>'), rates=3))
    assert not page.tags("img")
    assert page.points("run", "above", "diverged") == 2 * 3 * 3


def test_a_partial_race_says_how_far_it_came(tmp_path):
    race_directory(tmp_path, optimizers=("sgd", "adam"), rates=5, partial=True)
    change(tmp_path, "runs.parquet", lambda rows: rows[:20])
    change(tmp_path, "runs.parquet", lambda rows: [*rows[:18], *(row | {"status": "interrupted"} for row in rows[18:])])
    page = draw(tmp_path)
    assert "partial: interrupted after 18 of 30 runs" in page.text
    assert page.points("interrupted") == 2
    assert page.points("run", "above", "diverged", "interrupted") == 20


def test_a_seed_that_was_cut_short_is_a_mark_but_counts_in_no_median(tmp_path):
    """Five runs of seed 1 beside all of seed 0: the page is that of seed 0 alone, but for five marks."""
    whole = race_directory(tmp_path / "whole", optimizers=("sgd", "adam"), rates=5, seeds=1)
    cut = race_directory(tmp_path / "cut", optimizers=("sgd", "adam"), rates=5, seeds=1, partial=True)
    change(cut, "race.json", lambda facts: facts | {"verdict": facts["verdict"] | {"seeds": [0]}})
    more = {"seed": 1, "status": "ok", "best_validation_loss": 0.5}
    change(cut, "runs.parquet", lambda rows: [*rows, *(row | more | {"run": row["run"] + 10} for row in rows[:5])])
    change(cut, "curves.parquet", lambda rows: [*rows, *(r | {"run": r["run"] + 10} for r in rows if r["run"] < 5)])
    alone, beside = draw(whole), draw(cut)
    assert beside.points("run", "above", "diverged") == alone.points("run", "above", "diverged") + 5 == 15
    assert "unconfirmed: 1 tuning seed;" in beside.text
    assert "Runs of a seed that was cut short are marks too, but count in no median." in beside.text
    assert "cut short" not in alone.text
    medians = [
        [trace["y"] for name, panel in page.figures.items() if name.startswith("rates-")
         for trace in panel["data"] if trace["name"] == "median"]
        for page in (alone, beside)
    ]  # fmt: skip
    assert medians[0] == medians[1]
    assert alone.figures["losses-data"]["data"] == beside.figures["losses-data"]["data"]
    tables = [re.search(r"<caption>Loss of every run.*?</table>", page.source, re.S)[0] for page in (alone, beside)]
    assert tables[0] == tables[1]


def test_a_race_in_which_everything_diverged(tmp_path):
    race_directory(tmp_path, optimizers=("sgd",), rates=3, verdict=None, model=None)
    lost = {"status": "diverged", "best_validation_loss": None, "train_loss": float("inf")}
    change(tmp_path, "runs.parquet", lambda rows: [row | lost for row in rows])
    change(
        tmp_path, "curves.parquet", lambda rows: [row | {"train_loss": None, "validation_loss": None} for row in rows]
    )
    page = draw(tmp_path)
    assert "Every run diverged" in page.text
    assert "None was kept" in page.text
    assert page.points("diverged") == 9
    assert "9 of 9 runs diverged" in page.having(role="img")[0]["aria-label"]
    assert "Leaderboard" not in page.text


def test_a_race_interrupted_before_any_run(tmp_path):
    race_directory(tmp_path, optimizers=("sgd",), rates=1, verdict=None, model=None, partial=True)
    change(tmp_path, "runs.parquet", lambda rows: [rows[0] | {"status": "interrupted", "best_validation_loss": None}])
    change(tmp_path, "curves.parquet", lambda rows: rows[:1])
    page = draw(tmp_path)
    assert "partial: interrupted after 0 of 3 runs" in page.text
    assert "Interrupted before a run came to its end." in page.text


def test_a_directory_with_no_row_at_all(tmp_path):
    race_directory(tmp_path, optimizers=("sgd",), rates=1, verdict=None, model=None, partial=True)
    import pyarrow.parquet as pq

    for name in ("runs.parquet", "curves.parquet"):
        pq.write_table(pq.read_table(tmp_path / name).slice(0, 0), tmp_path / name)
    page = draw(tmp_path)
    assert "Nothing has been run." in page.text
    assert not page.figures


def test_no_validation_part(tmp_path):
    race_directory(tmp_path, optimizers=("sgd", "adam"), rates=5)
    gone = {"best_validation_loss": None, "validation_loss": None}
    change(tmp_path, "runs.parquet", lambda rows: [row | gone for row in rows])
    change(tmp_path, "curves.parquet", lambda rows: [row | {"validation_loss": None} for row in rows])
    page = draw(tmp_path)
    assert page.points("run", "above", "diverged") == 30
    assert page.points("run") > 15
    assert {trace["line"]["dash"] for trace in page.figures["losses-data"]["data"]} == {"dash"}
    assert all(trace.get("visible", True) is True for trace in page.figures["losses-data"]["data"])


def test_a_fit_has_curves_metrics_and_residuals_in_the_users_unit(tmp_path):
    page = draw(fit_directory(tmp_path, test=regression()))
    assert re.search(
        r"<h1>Adam at a learning rate of 0.001 reached a validation loss of 0\.0\d+ at epoch \d+.</h1>", page.source
    )
    assert set(page.figures) == {"losses-data", "predictions-data", "residuals-data"}
    assert len(page.figures["predictions-data"]["data"][0]["x"]) == 300
    assert "units of 'price'" in page.figures["residuals-data"]["layout"]["xaxis"]["title"]["text"]
    assert re.search(r"Root mean squared error|root mean squared error", page.text)
    assert "units of 'price'" in page.text
    assert "Leaderboard" not in page.text
    assert "unconfirmed" not in page.text


def test_a_fit_that_diverged(tmp_path):
    fit_directory(tmp_path, model=None)
    change(tmp_path, "runs.parquet", lambda rows: [rows[0] | {"status": "diverged", "best_validation_loss": None}])
    page = draw(tmp_path)
    assert "Training diverged." in page.text
    assert set(page.figures) == {"losses-data"}


def test_a_model_without_a_test_part(tmp_path):
    fit_directory(tmp_path)
    page = draw(change(tmp_path, "run.json", lambda facts: facts | {"model": facts["model"] | {"test": None}}))
    assert "Nothing was held out to test it." in page.text


def test_the_page_is_small_and_quick_and_the_same_each_time(race, page):
    started = time.process_time()
    report(race)
    assert time.process_time() - started < 2
    again = report(race)
    assert again.stat().st_size < 6e6
    assert again.read_text(encoding="utf-8") == page.source
    assert {file.name for file in race.iterdir()} == {"race.json", "runs.parquet", "curves.parquet", "report.html"}


def test_each_optimizer_is_told_apart_by_shape_and_read_against_white():
    assert len({style.symbol for style in STYLES}) == len({style.outline for style in STYLES}) == 9
    assert all(contrast(style.color) >= 3 for style in STYLES)
    assert all(contrast(text_color(style.color)) >= 4.5 for style in STYLES)


# What the three kinds of dichromat see of a colour in linear RGB (Machado, Oliveira & Fernandes 2009, severity 1).
DICHROMACIES = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(linear):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", DICHROMACIES)
def test_each_optimizer_is_told_apart_by_color_whatever_the_eye(sight):
    seen = []
    for style in STYLES:
        parts = np.array([int(style.color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        seen.append(lab(np.clip(DICHROMACIES[sight] @ linear, 0, 1)))
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) >= 20


def browse(file, tmp_path) -> str:
    """The page as a browser has it once its scripts have run."""
    quiet = ["--disable-gpu", "--disable-background-networking", "--no-first-run", f"--user-data-dir={tmp_path / 'me'}"]
    command = ["chromium", "--headless", "--no-sandbox", *quiet, "--virtual-time-budget=5000", "--dump-dom"]
    return subprocess.run([*command, f"file://{file}"], capture_output=True, text=True, timeout=60, check=True).stdout


needs_browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")


@needs_browser
def test_a_browser_draws_every_chart(race, tmp_path):
    report(race)
    seen = browse(race / "report.html", tmp_path)
    plots = [a for a in Page(seen).having(role="img") if "data-figure" in a]
    assert all("js-plotly-plot" in a["class"] for a in plots)
    assert seen.count('class="points"') >= 9


# What a reader does, as a script: presses the button, chooses a run, then clicks a mark of the differences.
VISIT = """
const wait = () => new Promise(done => setTimeout(done, 300)), note = name => {
  const seen = document.createElement("p");
  seen.className = "seen";
  const about = document.getElementById("run-about").textContent;
  seen.textContent = `${name}: ${document.getElementById("run").open} ${about}`;
  document.body.append(seen);
};
(async () => {
  document.querySelector(".open-run").click();
  note("button");
  document.querySelector(".close").click();
  note("closed");
  const box = document.getElementById("differences"), trace = box.data.find(one => one.name === "run");
  box.emit("plotly_click", {points: [{customdata: trace.customdata[2]}]});
  await wait();
  note("mark");
  const pick = document.getElementById("run-pick");
  pick.value = pick.options[0].value;
  pick.dispatchEvent(new Event("change"));
  note("picked");
  note(document.getElementById("run-plot").className + document.querySelectorAll("#run tbody tr").length);
  note(`joined ${box.data.find(one => one.name === "linked").x.length}`);
})();
"""


@needs_browser
def test_a_click_on_a_run_opens_its_curves_and_so_does_the_keyboard(confirmed, tmp_path):
    source = report(confirmed).read_text(encoding="utf-8")
    nonce = re.search(r'<script nonce="(\w+)">', source)[1]
    visited = tmp_path / "visited.html"
    visited.write_text(source.replace("</body>", f'<script nonce="{nonce}">{VISIT}</script></body>'), encoding="utf-8")
    seen = re.findall(r'<p class="seen">(.*?)</p>', browse(visited, tmp_path))
    # The model that was kept is of a tuning run here.
    assert re.match(r"button: true Adam at a learning rate of [\de.-]+, tuning seed 0, loss ", seen[0])
    assert seen[1].startswith("closed: false")
    assert seen[2].startswith("mark: true RMSProp at a learning rate of 3.16e-4, fresh seed 5, loss ")
    assert "The validation loss begins at 1." in seen[2]
    assert seen[3].startswith("picked: true Adam")
    assert seen[4].startswith("plot js-plotly-plot20: ")
    assert seen[5].startswith("joined 2: ")
