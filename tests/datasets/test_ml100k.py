"""MovieLens 100K: the split, the histories, both layouts of the files, what is said of bad ones.

The ratings here are made up: MovieLens may not be passed on.
"""

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import loading, ml100k, movielens_files
from kerazoo.datasets.interactions import stratified_split
from kerazoo.errors import DataError


def make_pairs(seed=0):
    """Users 1 to 12 with 8 to 30 films of the first 40 each, in mixed order."""
    rng = np.random.default_rng(seed)
    pairs = [
        (user, film)
        for user in range(1, 13)
        for film in rng.choice(np.arange(1, 41), rng.integers(8, 31), replace=False)
    ]
    return rng.permutation(pairs)


@pytest.fixture
def grouplens(monkeypatch, tmp_path):
    """A folder of data in GroupLens' layout, an empty cache; nothing read before."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    loading._read_once.cache_clear()
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    lines = [f"{user}\t{film}\t3\t881250949\n" for user, film in make_pairs()]
    (folder / "u.data").write_text("".join(lines))
    titles = ["1|Amélie (2001)|01-Jan-2001||url|0|1", "2|Twice (1999)||||", "40|Twice (1999)||||"]
    (folder / "u.item").write_text("\n".join(titles) + "\n", encoding="latin-1")
    yield folder
    loading._read_once.cache_clear()


@pytest.fixture
def recbole(grouplens):
    """The same in RecBole's layout."""
    (grouplens / "ml-100k.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        + (grouplens / "u.data").read_text()
    )
    (grouplens / "ml-100k.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tAmélie\t2001\tComedy\n2\tTwice\t1999\tDrama\n40\tTwice\t1999\tDrama\n",
        encoding="utf-8",
    )
    for name in ("u.data", "u.item"):
        (grouplens / name).unlink()
    return grouplens


def split_by_definition(users, ratio, seed):
    """For each user the rows with the smallest random numbers, one number per row of the file."""
    numbers = np.random.RandomState(seed).rand(len(users))
    first = set()
    for user in set(users.tolist()):
        own = sorted((numbers[row], row) for row in range(len(users)) if users[row] == user)
        first |= {row for rank, (_, row) in enumerate(own, 1) if rank / len(own) <= ratio}
    return [row in first for row in range(len(users))]


@pytest.mark.parametrize("ratio", [0.75, 0.9])
def test_the_split_is_stratified_by_user(ratio):
    users = np.random.default_rng(3).integers(0, 7, 200)
    expected = split_by_definition(users, ratio, seed=42)
    assert stratified_split(users, ratio, seed=42).tolist() == expected


def test_every_rating_is_in_one_part(grouplens):
    parts = {name: kerazoo.datasets.load_numpy("ml100k", name) for name in ml100k.DATASET.splits}
    pairs = [tuple(row[:2] + 1) for _, targets in parts.values() for row in targets]
    assert sorted(pairs) == sorted(map(tuple, make_pairs()))
    is_training = split_by_definition(make_pairs()[:, 0], 0.75, seed=42)
    test = {tuple(row[:2] + 1) for row in parts["test"][1]}
    assert test == set(map(tuple, make_pairs()[~np.array(is_training)]))


@pytest.mark.parametrize(
    ("split", "known"),
    [("train", ["train"]), ("validation", ["train"]), ("test", ["train", "validation"])],
)
def test_a_history_is_of_the_parts_before(grouplens, split, known):
    chosen = {
        (user, item)
        for part in known
        for user, item, _ in kerazoo.datasets.load_numpy("ml100k", part)[1]
    }
    inputs, targets = kerazoo.datasets.load_numpy("ml100k", split)
    assert inputs["history"].dtype == np.uint8
    np.testing.assert_array_equal(inputs["item"], targets[:, 1])
    for history, (user, item, _) in zip(inputs["history"], targets, strict=True):
        assert set(np.flatnonzero(history)) == {i for u, i in chosen if u == user}
        assert history[item] == (split == "train")


def test_the_third_target_counts_training_ratings(grouplens):
    items = kerazoo.datasets.load_numpy("ml100k", "train")[1][:, 1].tolist()
    for split in ml100k.DATASET.splits:
        for _, item, count in kerazoo.datasets.load_numpy("ml100k", split)[1]:
            assert count == max(1, items.count(item))


def test_both_layouts_are_the_same_data(grouplens, request):
    before = kerazoo.datasets.load_numpy("ml100k", "test")[1]
    titles = movielens_files.read_titles()
    request.getfixturevalue("recbole")
    loading._read_once.cache_clear()
    np.testing.assert_array_equal(kerazoo.datasets.load_numpy("ml100k", "test")[1], before)
    assert movielens_files.read_titles() == titles


def test_titles_are_told_apart(grouplens):
    titles = movielens_files.read_titles()
    assert [titles[0], titles[1], titles[2], titles[39]] == [
        "Amélie (2001)",
        "Twice (1999) [2]",
        "film 3",
        "Twice (1999) [40]",
    ]
    assert len(set(titles)) == 1682


def test_a_users_number_becomes_the_history_of_the_test_part(grouplens):
    inputs, targets = kerazoo.datasets.load_numpy("ml100k", "test")
    row = np.flatnonzero(targets[:, 0] == 6)[0]
    np.testing.assert_array_equal(ml100k.DATASET.parse("7"), inputs["history"][row])


@pytest.mark.parametrize("text", ["50, 181,172", "50 181 172"])
def test_films_need_no_data(monkeypatch, tmp_path, text):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    assert np.flatnonzero(ml100k.DATASET.parse(text)).tolist() == [49, 171, 180]


@pytest.mark.parametrize("text", ["", "0", "944", "1683,", "-1, 5", "Toy Story"])
def test_other_texts_are_refused(grouplens, text):
    with pytest.raises(DataError, match="user's number, 1 to 943, or films' .* Received"):
        ml100k.DATASET.parse(text)


def test_without_the_files_the_message_says_how_to_get_them(grouplens):
    for name in ("u.data", "u.item"):
        (grouplens / name).unlink()
    with pytest.raises(DataError, match="not here. Get ml-100k.zip from GroupLens .*KERAZOO_DATA"):
        kerazoo.datasets.load_numpy("ml100k")
    assert movielens_files.read_titles() is None


@pytest.mark.parametrize("line", ["944\t1\t3\t0", "1\t1683\t3\t0", "0\t1\t3\t0", "one\ttwo", "7"])
def test_damaged_ratings_are_one_clear_line(grouplens, line):
    with (grouplens / "u.data").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match="u.data is damaged or not MovieLens") as error:
        kerazoo.datasets.load_numpy("ml100k")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("line", ["1683|Beyond (1990)|", "x|y", "7"])
def test_damaged_titles_are_one_clear_line(grouplens, line):
    with (grouplens / "u.item").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match="u.item is damaged or not MovieLens"):
        movielens_files.read_titles()
