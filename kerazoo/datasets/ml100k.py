"""MovieLens 100K as pairs of a user and a film that this user rated, whatever the rating.

Harper, Konstan 2015. Not part of kerazoo: its terms forbid passing it on. The split is that of the
benchmarks of the project `recommenders`: `python_stratified_split`, three ratings of four of each
user for training, seed 42. A tenth of each user's training ratings are the validation part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.datasets.arrays import Arrays
from kerazoo.datasets.dataset import Dataset
from kerazoo.datasets.interactions import histories, stratified_split
from kerazoo.datasets.movielens_files import ITEMS, USERS, read_ratings, read_titles
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

SEED = 42


def _read(split: str) -> tuple[Arrays, np.ndarray]:
    """One row per rating of the part.

    Inputs: `history` uint8 `(rows, 1682)`, 1 for the films that the user rated in the parts before
    this one (in training: in this one, so that `item` is among them); `item` int32 `(rows,)`.
    Targets: int32 `(rows, 3)`: user, item, how many training ratings the item has (1 at least).
    """
    import numpy as np

    parts = _parts()
    rows = parts[split]
    known = parts["train"]
    if split == "test":
        known = np.concatenate([known, parts["validation"]])
        # Their order is the users': mixed, so that a batch has many users whatever its size.
        rows = rows[np.random.RandomState(0).permutation(len(rows))]
    users, items = rows.T
    counts = np.bincount(parts["train"][:, 1], minlength=ITEMS)
    inputs = {
        "history": histories(known, (USERS, ITEMS))[users],
        "item": items.astype(np.int32),
    }
    targets = np.stack([users, items, np.maximum(counts[items], 1)], axis=1)
    return inputs, targets.astype(np.int32)


def _parts() -> dict[str, np.ndarray]:
    """Name -> (user, item) rows, in the order of the file."""
    ratings = read_ratings()
    is_training = stratified_split(ratings[:, 0], 0.75, SEED)
    training = ratings[is_training]
    is_learned = stratified_split(training[:, 0], 0.9, SEED)
    return {
        "train": training[is_learned],
        "validation": training[~is_learned],
        "test": ratings[~is_training],
    }


def _parse(text: str) -> np.ndarray:
    """A user's number, "42": the films of the training and the validation part; or numbers of
    films, "50, 181, 172", which needs no data."""
    import numpy as np

    try:
        numbers = [int(word) for word in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    is_user = len(numbers) == 1 and "," not in text
    if not numbers or min(numbers) < 1 or max(numbers) > (USERS if is_user else ITEMS):
        raise DataError(
            f"A user's number, 1 to {USERS}, or films' numbers, 1 to {ITEMS}, with commas are "
            f"expected. Received: {text!r}."
        )
    if not is_user:
        return histories(np.array([[0, number - 1] for number in numbers]), (1, ITEMS))[0]
    parts = _parts()
    known = np.concatenate([parts["train"], parts["validation"]])
    return histories(known, (USERS, ITEMS))[numbers[0] - 1]


DATASET = Dataset(
    name="ml100k",
    summary="Pairs of a user's history of 1,682 films, uint8, and a film of it; see the guide.",
    splits=("train", "validation", "test"),
    input_shape={"history": (ITEMS,), "item": ()},
    class_names=None,
    license="GroupLens' own: research use, not to be passed on (not part of kerazoo)",
    read=_read,
    parse=_parse,
    item_names=read_titles,
)
