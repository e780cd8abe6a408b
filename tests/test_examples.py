"""Every script in examples/ runs as a reader would run it, and prints what its page shows.

Without KERAZOO_DATA, cache and network, as the pages were made. Figures may differ by machine; all
else is compared. `test_shortened` runs what trains longest for one epoch, in this process.
"""

import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SAYS = {
    "name_to_tflite.py": "integer only",
    "tf1_mnist_to_keras3.py": "same predictions on 100.0% of 1000 test images",
}
"""These two have no page."""
TOPICS = {path.name.replace(".md", ".py") for path in (ROOT / "docs" / "topics").glob("[!i]*.md")}
ELSEWHERE = {"reinforcement_learning.py"}
"""Runs in tests/rl, with the extra that it needs."""
LONG = [
    "cnn_on_mnist.py",
    "fine_tuning_with_hub_layer.py",
    "quantization_pruning_distillation.py",
    "rnn_on_time_series.py",
    "sequence_models.py",
    "training_and_evaluation.py",
    "transfer_learning_from_hub.py",
]
"""Whole only before releases: shortened, they run in CI."""
NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]\d+)?")
VARIES = {"sequence_models.py": re.compile(r"(?<=->)[ a-h]*$", re.M)}
"""What a network wrote."""


def load(path):
    """A module of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = load(ROOT / "tools" / "docs" / "pages.py")


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SAYS, *TOPICS}
    assert len(TOPICS) == 20


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(SAYS))
def test_example_without_a_page(script, tmp_path):
    assert SAYS[script] in run(script, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    sorted(TOPICS - ELSEWHERE - set(LONG))
    + [pytest.param(script, marks=pytest.mark.release) for script in LONG],
)
def test_example_of_a_topic(script, tmp_path):
    assert_like_its_page(script, run(script, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("script", LONG)
@pytest.mark.usefixtures("tensorflow_backend", "zoo_state")
def test_shortened(script, tmp_path, monkeypatch, capsys):
    from kerazoo.datasets import loading

    be_a_newcomer(monkeypatch, tmp_path)
    train_one_epoch(monkeypatch)
    loading._read_once.cache_clear()  # may hold what a data pack gave
    try:
        runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    finally:
        loading._read_once.cache_clear()
    assert_like_its_page(script, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("weights", "share"), [(None, 0.5), ([1, 0], 1), ([0, 1], 0), ([0.125, 0.375], 0.25)]
)
def test_the_custom_metric_weighs_its_samples(weights, share):
    metric = load(EXAMPLES / "custom_metric.py").HitsPerClass(2)
    metric.update_state([0, 0], [[2.0, 1.0], [1.0, 2.0]], sample_weight=weights)  # a hit, a miss
    assert [float(one) for one in metric.result()] == [share, 0]


def run(script, folder):
    cache = folder / "cache"
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=pages.environment_of_a_newcomer(str(cache)),
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def be_a_newcomer(monkeypatch, folder):
    """An empty folder, no data pack, nothing in the cache."""
    (folder / "here").mkdir()
    monkeypatch.chdir(folder / "here")
    monkeypatch.delenv("KERAZOO_DATA", raising=False)
    monkeypatch.setenv("KERAZOO_CACHE", str(folder / "cache"))


def train_one_epoch(monkeypatch):
    """`fit` of Keras and of kerazoo train for one epoch, whatever they are asked for."""
    import keras

    from kerazoo.training import Loop

    whole_fit, whole_loop = keras.Model.fit, Loop.fit

    def fit(model, *args, epochs=1, **kwargs):
        return whole_fit(model, *args, epochs=1, **kwargs)

    def loop(self, batches, *, epochs, **kwargs):
        history = whole_loop(self, batches, epochs=1, **kwargs)
        return {name: values * epochs for name, values in history.items()}

    monkeypatch.setattr(keras.Model, "fit", fit)
    monkeypatch.setattr(Loop, "fit", loop)


def assert_like_its_page(script, printed):
    shown = pages.kept_output(script.removesuffix(".py"))
    assert without_figures(script, printed) == without_figures(script, shown)


def without_figures(script, text):
    """The lines of an output, `#` in place of each number."""
    if script in VARIES:
        text = VARIES[script].sub("", text)
    return [" ".join(line.split()) for line in NUMBER.sub("#", text).splitlines()]


def test_pages_are_made_without_data_packs(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    environment = pages.environment_of_a_newcomer("empty")
    kerazoos = {name: value for name, value in environment.items() if "KERAZOO" in name}
    assert kerazoos == {"KERAZOO_OFFLINE": "1", "KERAZOO_CACHE": "empty"}
    assert "sound:          no recordings here" in pages.kept_output("what_tensorflow_is_for")


def test_figures_may_differ_and_words_may_not():
    assert without_figures("x.py", "R2  0.357 of 1,797\n") == without_figures("x.py", "R2 1 of 2\n")
    assert without_figures("x.py", "[ 0.87 -1.76]") == ["[ # #]"]
    assert without_figures("x.py", "by 5.7e-06") == without_figures("x.py", "by 0.0e+00")
    assert without_figures("x.py", "int8 in training") != without_figures("x.py", "int8 training")
