"""Titles as people write them, to numbers of items."""

import pytest

from kerazoo.errors import DataError
from kerazoo.tasks.item_titles import items_called

NAMES = [
    "Net, The (1995)",
    "Seven (Se7en) (1995)",
    "Babe (1995) [3]",
    "Babe (1995) [7]",
    "Sabrina (1995)",
    "Sabrina",
    "Net",
    "Mrs. Brown (Her Majesty, Mrs. Brown) (1997)",
]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        *((name, [item]) for item, name in enumerate(NAMES)),  # each by its own name
        ("SEVEN", [1]),
        ("seven (se7en)", [1]),
        ("Net, the", [0]),  # the longest title, not "Net" and "the"
        ("net, Seven,", [6, 1]),
        ("sabrina", [5]),  # exact, though another is called so without its year
        ("mrs. brown,  net,the (1995) , babe (1995) [7]", [7, 0, 3]),
    ],
)
def test_titles_become_numbers(text, items):
    assert items_called(text, NAMES) == items


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("babe", r"'babe' is the title of several: 'Babe (1995) [3]', 'Babe (1995) [7]'."),
        ("Seven, Babe (1995)", r"'babe (1995)' is the title of several"),
        ("Sevven", "'Sevven' is no title here. Did you mean 'Seven (Se7en) (1995)'"),
        ("Seven, 12", "'12' is no title here. Give titles only, or numbers only."),
    ],
)
def test_others_are_refused(text, says):
    with pytest.raises(DataError) as raised:
        items_called(text, NAMES)
    assert says in str(raised.value)
