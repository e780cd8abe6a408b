"""ImageNet is facts alone; reading it says what works without."""

import pytest

import kerazoo
from kerazoo.errors import DataError


def test_each_class_has_a_name_of_its_own():
    names = kerazoo.datasets.info("imagenet").class_names
    assert len(set(names)) == 1000
    assert (names[0], names[999]) == ("tench", "toilet tissue")


@pytest.mark.parametrize("split", ["train", "test"])
def test_reading_it_says_what_works_without(split):
    with pytest.raises(DataError, match=f"'{split}' part cannot be read by name") as caught:
        kerazoo.datasets.load_numpy("imagenet", split)
    for way_out in ("kerazoo predict", "kerazoo fine-tune", "float16", "kerazoo.evaluate"):
        assert way_out in str(caught.value)
