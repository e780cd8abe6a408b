"""Recommendation from two towers to scores, figures, words, pictures and files."""

import keras
import numpy as np
import pytest
from sklearn.metrics import ndcg_score

import kerazoo
from kerazoo.errors import DataError
from kerazoo.models.two_tower import two_tower
from kerazoo.tasks import find_task
from kerazoo.tasks.recommendation import SEEN

TASK = find_task("recommendation")
DATA = kerazoo.datasets.info("ml100k")
ITEMS = 40


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    towers = two_tower(ITEMS, units=6)
    towers.name = "towers"
    return towers


@pytest.fixture
def no_titles(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path))


def histories(rows=5, seed=0):
    return (np.random.default_rng(seed).random((rows, ITEMS)) < 0.3).astype("uint8")


def test_deployed_gives_cosines_and_marks_what_was_seen(model):
    deployed = TASK.deployed(model, DATA)
    assert deployed.name == "towers_deployed"
    history = histories()
    scores = deployed.predict(history, verbose=0)
    items = np.repeat(np.arange(ITEMS, dtype="int32"), len(history))
    pairs = {"history": np.tile(history, (ITEMS, 1)), "item": items}
    vectors = model.predict(pairs, batch_size=len(items), verbose=0)
    for item in range(ITEMS):
        of_item = vectors[items == item]
        cosines = np.sum(of_item[:, :6] * of_item[:, 6:], axis=1)
        unseen = history[:, item] == 0
        np.testing.assert_allclose(scores[unseen, item], cosines[unseen], rtol=1e-4, atol=1e-5)
        assert np.all(scores[~unseen, item] == SEEN)


def test_a_model_without_towers_is_refused():
    plain = keras.Sequential([keras.Input((ITEMS,)), keras.layers.Dense(ITEMS, name="dense")])
    with pytest.raises(DataError, match="no user_tower and item_tower. It has"):
        TASK.deployed(plain, DATA)


def test_figures_are_means_over_users():
    """nDCG is scikit-learn's, precision that of the definition; a user has several rows."""
    rng = np.random.default_rng(1)
    users = rng.integers(0, 6, 50)
    items = np.concatenate([rng.permutation(ITEMS)[: np.sum(users == user)] for user in range(6)])
    users = np.sort(users)
    by_user = rng.permuted(np.tile(np.linspace(-1, 1, ITEMS), (6, 1)), axis=1).astype("float32")
    order = rng.permutation(50)
    targets = np.stack([users + 100, items, np.ones(50)], axis=1).astype("int32")[order]
    figures = TASK.score(by_user[users][order], targets, DATA)

    relevant = np.zeros((6, ITEMS))
    relevant[users, items] = 1
    best = np.argsort(-by_user, axis=1)[:, :10]
    precision = np.mean([relevant[user, best[user]].sum() / 10 for user in range(6)])
    assert figures == {
        "ndcg_10": pytest.approx(ndcg_score(relevant, by_user, k=10), rel=1e-5),
        "precision_10": pytest.approx(precision, rel=1e-5),
    }
    assert tuple(figures) == TASK.measures


def test_the_answer_names_items_and_leaves_out_the_seen(no_titles):
    output = np.array([0.1, SEEN, 0.9, 0.5], "float32")
    answer = TASK.prediction("42", output, DATA, top=4)
    assert answer.source == "42"
    assert list(answer.scores) == ["item 3", "item 4", "item 1"]
    assert answer.scores["item 3"] == pytest.approx(0.9)
    assert answer.text == "item 3 0.90, item 4 0.50, item 1 0.10"
    assert list(TASK.prediction("42", output, None, top=1).scores) == ["item 3"]


def test_titles_stand_for_numbers_where_they_are_here():
    class Named:
        item_names = staticmethod(lambda: ["A (1990)", "B (1991)"])

    answer = TASK.prediction("7", np.array([0.1, 0.2]), Named, top=1)
    assert list(answer.scores) == ["B (1991)"]


@pytest.fixture
def films(monkeypatch, tmp_path):
    """A file of a few titles in GroupLens' layout."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ml-100k").mkdir()
    titles = ["Amélie (2001)", "Twice (1999)", "Usual Suspects, The (1995)", "Twice (1962)"]
    lines = [f"{number}|{title}|||" for number, title in enumerate(titles, start=1)]
    (tmp_path / "ml-100k" / "u.item").write_text("\n".join(lines), encoding="latin-1")


@pytest.mark.parametrize(
    ("titles", "numbers"),
    [
        ("amélie (2001)", "1,"),
        ("Usual suspects,the, AMÉLIE", "3, 1"),
        ("Twice  (1962)", "4,"),
        ("1, 3", "1, 3"),
    ],
)
def test_titles_are_the_history_that_their_numbers_are(films, titles, numbers):
    model = kerazoo.get("ml100k_two_tower", weights=None)
    by_title, by_number = kerazoo.predict(model, [titles, numbers], top=9)
    assert by_title.scores == pytest.approx(by_number.scores)
    assert by_title.source == titles
    history = TASK.sample(titles, DATA)
    np.testing.assert_array_equal(history, DATA.parse(numbers))


def test_what_is_no_title_is_said(films, tmp_path):
    for text, says in (
        ("Usual Suspect, Amélie", r"'Usual Suspect' is no title here. Did you mean 'Usual Susp"),
        ("twice", r"'twice' is the title of several: 'Twice \(1999\)', 'Twice \(1962\)'"),
        ("xqzv", r"'xqzv' is no title here. Give titles only, or numbers only"),
        ("1683, 2", "films' numbers, 1 to 1682"),
    ):
        with pytest.raises(DataError, match=says):
            TASK.sample(text, DATA)
    (tmp_path / "ml-100k" / "u.item").unlink()
    with pytest.raises(DataError, match="where the files of ml100k are, and they are not here"):
        TASK.sample("Amélie", DATA)


def test_drawn_as_bars(no_titles):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.add_subplot()
    TASK.draw(axes, histories(1)[0], np.linspace(-1, 1, ITEMS), DATA)
    assert len(axes.patches) == 10
    assert axes.get_yticklabels()[0].get_text() == "item 40"


def test_the_file_gives_the_models_scores(model, tmp_path):
    deployed = TASK.deployed(model, DATA)
    report = kerazoo.export(
        deployed, tmp_path / "towers.tflite", quantize="float16", calibration=histories(50)
    )
    file = kerazoo.load_tflite(report.path)
    history = histories(3, seed=5).astype("float32")
    np.testing.assert_allclose(
        np.asarray(file.predict(history)), deployed.predict(history, verbose=0), atol=5e-3
    )
