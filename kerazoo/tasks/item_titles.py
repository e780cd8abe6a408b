"""From titles that a person writes to the numbers of items."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from kerazoo.errors import DataError, nearest


def items_called(text: str, names: Sequence[str]) -> list[int]:
    """The numbers of the items whose titles `text` has one after the other, with commas between.

    Small and large letters are alike, and what stands in brackets at a title's end may be left out
    where it is still the title of one item only. Titles may have commas in them.

    Raises:
        DataError: a part is no title, or the title of several items.

    >>> items_called("Net, the, Babe (1995)", ["Babe (1995)", "Net, The (1995)"])
    [1, 0]
    """
    by_title = _by_title(names)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    items = []
    while parts:
        count, title = _longest_title(parts, by_title, names)
        parts = parts[count:]
        found = by_title[title]
        exact = [item for item in found if _plain(names[item]) == title]
        if len(found) > 1 and len(exact) != 1:
            several = ", ".join(repr(names[item]) for item in found)
            raise DataError(f"{title!r} is the title of several: {several}. Give one of these.")
        items.append((exact if len(found) > 1 else found)[0])
    return items


def _longest_title(
    parts: Sequence[str], by_title: Mapping[str, Sequence[int]], names: Sequence[str]
) -> tuple[int, str]:
    """How many of the first parts are one title, and which."""
    for count in range(len(parts), 0, -1):
        title = _plain(", ".join(parts[:count]))
        if title in by_title:
            return count, title
    close = nearest(_plain(parts[0]), by_title)
    meant = dict.fromkeys(repr(names[item]) for title in close for item in by_title[title])
    hint = f" Did you mean {' or '.join(list(meant)[:3])}?" if meant else ""
    raise DataError(f"{parts[0]!r} is no title here.{hint} Give titles only, or numbers only.")


def _by_title(names: Sequence[str]) -> dict[str, list[int]]:
    by_title = defaultdict(list)
    for item, name in enumerate(names):
        for title in _spellings(_plain(name)):
            by_title[title].append(item)
    return dict(by_title)


def _spellings(title: str) -> Iterator[str]:
    """ "twice (1999) [2]", "twice (1999)" and "twice"."""
    while title:
        yield title
        shorter = re.sub(r"\s*(\([^()]*\)|\[[^][]*\])$", "", title)
        title = shorter if shorter != title else ""


def _plain(title: str) -> str:
    return ", ".join(" ".join(part.split()) for part in title.split(",")).casefold()
