"""tools/benchmark.py: its bars, its picture, and that every suite runs. Nothing here is timed."""

import itertools
import json
import math
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools"
SUITES = ["import", "tflite", "loop", "metrics", "distill", "compress", "hub", "rl", "flops", "zoo"]


@pytest.fixture
def tool(monkeypatch):
    """A module of tools/ by name; they import each other as scripts do."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return import_module


@pytest.fixture
def record(tool):
    """What the benchmark writes, made by hand: met, missed, far beyond, without a figure."""
    table = tool("benchmarks.table")
    return {
        "date": "2026-01-02T03:04:05+00:00",
        "quick": False,
        "environment": {
            "processor": "Some Processor With a Long Name 9999X 128-Core",
            "cores": 2,
            "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
        },
        "suites": {
            "first": [
                table.row("import and list, seconds", 0.1, "import keras", 4.0, 0.025, "<= 0.08"),
                table.fact("of keras and tensorflow, it loads", "set()", "= set()"),
                table.fact("largest logit error of a file", 0.0, "<= 1e-3"),
            ],
            "second": [
                table.row(
                    "a figure with a long name that takes more than a line, images/s",
                    *(10.0, "a peer with a long name too, in bfloat16", 20.0, 0.5, ">= 1.15"),
                ),
                table.row("MB per step", 26.3, "formula", 26.2, 1.004, "0.9 to 1.1"),
                table.other("images/s", "one more peer", 12.0),
            ],
            "third": [table.unmeasured("nothing", "no Python was named", ">= 2.0")],
        },
    }


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (">= 0.95", 0.95, math.inf),
        ("<= 1e-3", -math.inf, 0.001),
        ("<= 1.20", -math.inf, 1.2),
        ("0.9 to 1.1", 0.9, 1.1),
    ],
)
def test_a_bar_is_a_bound_or_two(tool, text, low, high):
    bar = tool("benchmarks.bars").read_bar(text)
    assert (bar.low, bar.high, bar.equal) == (low, high, None)


@pytest.mark.parametrize("text", ["", ">= ", "> 1", "at least 1", ">= 1.0; AMX 1.8", "1 to", "all"])
def test_what_is_no_bar_is_told(tool, text):
    with pytest.raises(ValueError, match="Received: "):
        tool("benchmarks.bars").read_bar(text)


@pytest.mark.parametrize(
    ("figure", "bar", "verdict"),
    [
        (2.0, ">= 2.0", "met"),
        (1.999, ">= 2.0", "missed"),
        (0.002, "<= 1e-3", "missed"),
        (0, "<= 1e-3", "met"),
        (0.89, "0.9 to 1.1", "missed"),
        (1.0, "0.9 to 1.1", "met"),
        (math.nan, ">= 2.0", "missed"),
        (True, "= True", "met"),
        ("{'keras'}", "= set()", "missed"),
        ("not measured: no data", "= 200", "not measured"),
        (3.0, "", ""),
    ],
)
def test_the_verdict_on_a_figure(tool, figure, bar, verdict):
    row = tool("benchmarks.table").fact("something", figure, bar)
    assert tool("benchmarks.bars").verdict(row) == verdict


def test_the_bar_of_two_contenders_is_for_their_ratio(tool):
    row = tool("benchmarks.table").row("steps/s", 10.0, "fit", 20.0, 0.5, ">= 0.98")
    assert tool("benchmarks.bars").verdict(row) == "missed"


@pytest.mark.parametrize(
    ("text", "figure", "margin"),
    [
        (">= 2", 3.0, 1.5),
        (">= 2", 1.0, 0.5),
        ("<= 2", 4.0, 0.5),
        ("<= 2", 0.5, 4.0),
        ("<= 2", 0.0, math.inf),
        ("0.8 to 1.25", 1.0, 1.25),
        ("0.8 to 1.25", 0.4, 0.5),
    ],
)
def test_the_margin_is_how_many_times_better_than_asked(tool, text, figure, margin):
    assert tool("benchmarks.bars").read_bar(text).margin(figure) == pytest.approx(margin)


def test_the_zoo_is_judged_by_figures_that_it_has(tool):
    from kerazoo.tasks import find_task
    from kerazoo.zoo.catalogue import find_config

    for model, bars in tool("benchmarks.zoo").BARS.items():
        config = find_config(model)
        metrics = {metric if isinstance(metric, str) else metric.name
                   for metric in config.training.metrics}  # fmt: skip
        assert bars.keys() <= metrics | {*find_task(config.task).measures}, model
        for bar in bars.values():
            tool("benchmarks.bars").read_bar(bar)


def test_the_picture_has_the_rows_with_bounds(tool, record, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "benchmarks.svg"
    tool("benchmarks.plot").draw(record, str(path))
    svg = path.read_text(encoding="utf-8")
    for text in ("0.025 (≤ 0.08)", "0.5 (≥ 1.15)", "1.004 (0.9 to 1.1)", "Keras 3.15.1"):
        assert text in svg
    for text in ("it loads", "one more peer", "nothing", "third"):
        assert text not in svg
    before = path.read_bytes()
    (tmp_path / "record.json").write_text(json.dumps(record))
    command = [sys.executable, "-m", "benchmarks.plot", tmp_path / "record.json", path]
    subprocess.run(command, check=True, cwd=TOOLS)
    assert path.read_bytes() == before


def test_the_picture_shows_a_miss_in_another_colour_and_to_the_left(tool, record):
    pytest.importorskip("matplotlib")
    plot = tool("benchmarks.plot")
    (axes,) = plot.drawn(record).axes
    dots = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    looks = [(dot.get_color(), dot.get_marker(), float(dot.get_xdata()[0])) for dot in dots]
    assert looks == [
        (plot.MET, "o", pytest.approx(0.08 / 0.025)),
        (plot.MET, ">", plot.MOST),
        (plot.MISSED, "<", plot.LEAST),
        (plot.MET, "o", pytest.approx(1.1 / 1.004)),
    ]


def test_no_text_of_the_picture_lies_on_another_or_outside(tool, record):
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure = tool("benchmarks.plot").drawn(record)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    boxes = {text: text.get_window_extent(renderer) for text in texts}
    assert len(boxes) > 15
    for one, two in itertools.combinations(texts, 2):
        assert not boxes[one].overlaps(boxes[two]), (one.get_text(), two.get_text())
    for text, box in boxes.items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text.get_text()
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text.get_text()


def test_a_suite_that_fails_leaves_the_others_and_is_told_by_the_exit_code(
    tool, tmp_path, monkeypatch, capsys
):
    benchmark, path = tool("benchmark"), tmp_path / "benchmark.json"
    row = tool("benchmarks.table").fact("something", 1.0, ">= 2.0")
    suites = {"bad": lambda options: 1 / 0, "good": lambda options: [row]}
    monkeypatch.setattr(benchmark, "SUITES", suites)
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--json", str(path)])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "ZeroDivisionError" in said.err
    assert said.out.endswith("bars: 0 met, 1 missed, 0 not measured\nmissed: good: something\n")
    suites = json.loads(path.read_text(encoding="utf-8"))["suites"]
    assert suites["bad"][0]["kerazoo"] == benchmark.FAILED
    assert suites["good"] == [row]


def run(folder, *words, **environ):
    """What a quick run printed, and what it wrote."""
    path = folder / "benchmark.json"
    command = [sys.executable, TOOLS / "benchmark.py", *words, "--quick", "--json", path]
    environ = {**os.environ, **environ}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.timeout(900)
def test_every_suite_runs(tool, tmp_path):
    picture = tmp_path / "benchmarks.svg"
    said, record = run(tmp_path, *SUITES, "--plot", picture)
    assert [*record["suites"]] == [*record["seconds"]] == SUITES
    columns, read_bar = tool("benchmarks.table").COLUMNS, tool("benchmarks.bars").read_bar
    for rows in record["suites"].values():
        assert rows
        for row in rows:
            assert tuple(row) == columns
            if row["bar"]:
                read_bar(row["bar"])
    assert record["quick"]
    assert record["environment"]["processor"]
    assert record["environment"]["versions"]["kerazoo"]
    assert "keras-rs" in record["peers"]["this"] or "pip install keras-rs" in said
    assert "--rl-python" in record["suites"]["rl"][0]["kerazoo"]
    assert said.rstrip().endswith("quick: these figures mean nothing")
    for name in SUITES:
        assert f"\n{name}\nwhat" in said
    assert "MobileNet, FLOPs" in picture.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_suite_whose_data_is_not_here_is_a_row(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    places = {"KERAZOO_DATA": str(data), "KERAZOO_CACHE": str(tmp_path / "cache")}
    _, record = run(tmp_path, "tflite", "zoo", **places)
    (row,) = record["suites"]["tflite"]
    assert row["kerazoo"].startswith("not measured: MNIST's test images are not here")
    zoo = {row["what"]: row["kerazoo"] for row in record["suites"]["zoo"]}
    assert zoo["mnist_mlp, accuracy"].startswith("not measured: ")
    assert isinstance(zoo["timeseries_forecaster, mean_absolute_scaled_error"], float)
