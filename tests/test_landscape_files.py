"""Landscapes as files: what is in each kind, and that it says in words what is seen."""

import html
import json
import re

import av
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import steepest as st
from steepest import functions
from steepest.landscapes import SUFFIXES, Between
from steepest.pictures import write_film, write_gif


@pytest.fixture(scope="module")
def seen():
    pair = [st.SGD(learning_rate=0.1), st.Momentum(learning_rate=0.03)]
    return st.landscape(functions.quadratic(10.0, start=(-1.5, 1.0)), pair, steps=20, points=21)


@pytest.fixture(scope="module")
def between():
    shares = np.linspace(-0.25, 1.25, 31)
    curve = 1 + np.sin(np.pi * shares) ** 2
    return Between("table", "a network", ("Adam", "SGD"), shares, curve, curve + 0.1, (1.0, 1.0), "training loss")


@pytest.fixture
def untouched():
    """matplotlib's settings, which must be the same afterwards."""
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before


def labels(figure):
    return [(ax.get_xlabel(), ax.get_ylabel(), ax.get_title("left")) for ax in figure.findobj(mpl.axes.Axes)]


def test_a_still_has_a_panel_a_path_and_their_losses(seen, untouched):
    figure = seen.still()
    told = labels(figure)
    assert ("x", "y", "SGD, rate 0.1") in told
    assert ("x", "", "Momentum, rate 0.03") in told
    assert any(x == "steps" and y.startswith("height") for x, y, _ in told)
    assert sum(hasattr(ax, "get_zlim") for ax in figure.findobj(mpl.axes.Axes)) == 1
    lines = [line for ax in figure.findobj(mpl.axes.Axes) for line in ax.lines]
    drawn = [line for line in lines if len(line.get_xdata()) == 21 and line.get_color() == "#1C252D"]
    assert np.asarray(drawn[0].get_xdata()) == pytest.approx(seen.paths[0].along)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5])
def test_stills_of_any_number_of_paths(count):
    seen = st.landscape(functions.quadratic(10.0, start=(-1.5, 1.0)), ["sgd", "adam", "rmsprop"][:count], steps=3,
                        points=7) if count <= 3 else None  # fmt: skip
    if seen is None:
        several = [st.SGD(learning_rate=0.01 * (one + 1)) for one in range(count)]
        seen = st.landscape(functions.quadratic(10.0, start=(-1.5, 1.0)), several, steps=3, points=7)
    titles = [title for *_, title in labels(seen.still()) if title]
    assert len(titles) == count


@pytest.mark.parametrize("kind", [".png", ".svg", ".pdf"])
def test_a_still_is_for_print_and_says_what_is_seen(seen, tmp_path, untouched, kind):
    path = seen.save(tmp_path / f"seen{kind}")
    data = path.read_bytes()
    if kind == ".png":
        with Image.open(path) as picture:
            assert picture.info["Description"] == seen.text
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=1)
            assert picture.width > 1800
    elif kind == ".svg":
        assert b"SGD, rate 0.1 goes from (-1.5, 1)" in data
        assert b"<dc:date>" not in data
    else:
        assert data.startswith(b"%PDF")
        assert b"Subject" in data
        assert b"Type 3" not in data
    assert seen.save(tmp_path / f"again{kind}").read_bytes() == data


def test_a_gif_has_a_frame_a_step_and_goes_round(seen, tmp_path):
    path = seen.save(tmp_path / "seen.gif")
    with Image.open(path) as film:
        assert film.n_frames == 21
        assert film.info["loop"] == 0
        assert film.info["comment"] == seen.text.encode()[:255]
        first = np.asarray(film.convert("RGB"), float)
        film.seek(20)
        last = np.asarray(film.convert("RGB"), float)
    assert first.shape == last.shape == (366, 804, 3)
    apart = np.abs(first - last).max(axis=2) > 60
    assert 0.002 < apart.mean() < 0.2  # the ways, and nothing of the ground
    assert path.stat().st_size < 400_000


def test_a_film_has_the_same_frames(seen, tmp_path):
    path = seen.save(tmp_path / "seen.mp4")
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 804, 366)
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.metadata["comment"] == seen.text
    assert len(frames) == 21
    drawn = list(seen.frames())
    assert np.abs(frames[-1].astype(float) - drawn[-1]).mean() < 4


def test_long_ways_make_no_longer_films():
    seen = st.landscape(functions.booth(), st.SGD(learning_rate=0.001), steps=1000, points=5)
    assert sum(1 for _ in seen.frames()) == 90


def test_frames_of_odd_sizes_lose_a_row_and_a_column(tmp_path):
    frames = [np.full((31, 33, 3), value, np.uint8) for value in (0, 100, 200)]
    frames[2][:5, :2], frames[2][5:10, :2] = frames[0][:5, :2], frames[1][:5, :2]  # all colours are in the last
    with av.open(str(write_film(frames, tmp_path / "a.mp4", title="t", text="x"))) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (32, 30, 3)
    with Image.open(write_gif(frames, tmp_path / "a.gif", text="x")) as film:
        assert (film.size, film.n_frames) == ((33, 31), 3)
        film.seek(2)
        assert np.asarray(film.convert("RGB"))[:, 2:].mean() == pytest.approx(200, abs=2)


def outside(page):
    """Whatever a page would fetch, without the code of Plotly that is in it."""
    bare = re.sub(r"<script nonce=.*?</script>", "", page, flags=re.S)
    return re.findall(r"(?:src|href)=[\"']?(?!#)[^\"' >]+|https?://\S+|@import", bare)


def test_a_page_needs_no_network_and_holds_the_numbers(seen, tmp_path):
    page = seen.save(tmp_path / "seen.html").read_text(encoding="utf-8")
    assert outside(page) == []
    assert "default-src 'none'" in page
    assert seen.text in html.unescape(page)
    found = dict(re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', page, flags=re.S))
    assert set(found) == {"contours", "relief", "losses"}
    contours = json.loads(found["contours"])
    assert np.array(contours["data"][0]["customdata"], float) == pytest.approx(seen.slice.losses, rel=1e-4)
    (way,) = [one for one in contours["data"] if one.get("name") == "SGD, rate 0.1" and "meta" in one]
    assert way["x"] == pytest.approx(seen.paths[0].along.tolist(), rel=1e-4)
    assert way["meta"]["steps"] == list(range(21))
    assert contours["layout"]["xaxis"]["title"]["text"] == "x"
    for row in ("minimum", "(0, 0)", "1, 10"):
        assert row in page


def test_names_in_a_page_are_text(tmp_path):
    surface = functions.Surface(
        lambda p: p[0] ** 2 + p[1] ** 2, name="</script><b>", formula="a < b", source="", start=(1, 1),
        box=((-1, 1), (-1, 1)),
    )  # fmt: skip
    page = st.landscape(surface, points=3).page()
    assert "<b>" not in re.sub(r"<script nonce=.*?</script>", "", page, flags=re.S)
    assert "&lt;/script&gt;&lt;b&gt;" in page


def test_a_notebook_shows_the_still_with_its_words(seen):
    shown = seen._repr_html_()
    assert shown.startswith('<img alt="Contours and relief of quadratic')
    assert "data:image/png;base64," in shown


def test_what_is_between_two_solutions_is_drawn_with_both_losses(between, tmp_path, untouched):
    figure = between.still()
    ((x, y, _),) = labels(figure)
    assert (x, y) == ("share of the way", "training loss")
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert np.asarray(lines["training"].get_ydata()) == pytest.approx(between.train)
    assert np.asarray(lines["validation"].get_ydata()) == pytest.approx(between.validation)
    page = between.save(tmp_path / "b.html").read_text()
    assert outside(page) == []
    assert between.text in html.unescape(page)
    with pytest.raises(st.InputError, match="Nothing moves"):
        between.save(tmp_path / "b.gif")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b.html"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.jpg", "one of .html, .png"), ("a.htm", "Did you mean '.html'"), ("a", "received"), ("a.PnG", None)],
)
def test_a_suffix_says_what_a_file_is(seen, tmp_path, name, message):
    if message is None:
        assert seen.save(tmp_path / name, dpi=40).stat().st_size > 1000
        return
    with pytest.raises(st.InputError, match=message):
        seen.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_still_landscape_without_ways_does_not_move(tmp_path):
    seen = st.landscape(functions.booth(), points=5)
    for kind in (".gif", ".mp4"):
        with pytest.raises(st.InputError, match="Nothing moves"):
            seen.save(tmp_path / f"a{kind}")
    assert not list(tmp_path.iterdir())
    assert len(SUFFIXES) == 6
