"""The files of MovieLens 100K, as GroupLens writes them (u.data, u.item) or RecBole does.

RecBole's `ml-100k.inter` and `ml-100k.item` hold the same rows in the same order, under a header.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets import source
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

USERS, ITEMS = 943, 1682

_FOLDER = "ml-100k"
HELP = (
    "Get ml-100k.zip from GroupLens (grouplens.org/datasets/movielens/100k), whose terms forbid "
    "passing it on, and unpack it into the folder that KERAZOO_DATA names: ml-100k/u.data and "
    "ml-100k/u.item."
)


def read_ratings() -> np.ndarray:
    """Who rated which film: int64, `(ratings, 2)`, users 0..942 and items 0..1681, in file order.

    Raises:
        DataError: the file is not here, or damaged.
    """
    import numpy as np

    path = _find("u.data", "ml-100k.inter")
    if path is None:
        raise DataError(f"MovieLens 100K is not here. {HELP}")
    try:
        pairs = [line.split("\t")[:2] for line in _lines(path, "utf-8")]
        numbers = np.array(pairs, dtype=np.int64).reshape(-1, 2) - 1
        if not len(numbers) or np.any(numbers < 0) or np.any(numbers >= (USERS, ITEMS)):
            raise ValueError(f"numbers beyond {USERS} users or {ITEMS} films, or none at all")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not MovieLens 100K: {reason}. {HELP}") from error
    return numbers


def read_titles() -> list[str] | None:
    """Titles with years of the 1,682 films, each once: films of equal titles have their numbers
    behind them, and one that the file leaves out is called "film 7". None where there is no file.

    Raises:
        DataError: the file is damaged.
    """
    path = _find("u.item", "ml-100k.item")
    if path is None:
        return None
    titles = [f"film {number}" for number in range(1, ITEMS + 1)]
    is_recbole = path.suffix == ".item" and path.stem == "ml-100k"
    try:
        # GroupLens' file is in Latin-1.
        for line in _lines(path, "utf-8" if is_recbole else "latin-1"):
            fields = line.split("\t" if is_recbole else "|")
            year = f" ({fields[2]})" if is_recbole else ""  # in the title already
            titles[_index(fields[0])] = fields[1] + year
    except (OSError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not MovieLens 100K: {reason}. {HELP}") from error
    counts = Counter(titles)
    return [
        title if counts[title] == 1 else f"{title} [{number}]"
        for number, title in enumerate(titles, start=1)
    ]


def _index(number: str) -> int:
    if not 1 <= int(number) <= ITEMS:
        raise ValueError(f"a film number of {number}")
    return int(number) - 1


def _find(*names: str) -> Path | None:
    found = (source.find_file(f"{_FOLDER}/{name}") for name in names)
    return next((path for path in found if path is not None), None)


def _lines(path: Path, encoding: str) -> list[str]:
    """The lines that hold something, without RecBole's header."""
    lines = [line for line in path.read_text(encoding=encoding).split("\n") if line.strip()]
    return lines[1:] if lines and ":token" in lines[0] else lines
