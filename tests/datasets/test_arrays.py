"""Samples as one array or as several by name; batches of them."""

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import arrays
from kerazoo.errors import DataError

NAMED = {"user": np.arange(5), "item": np.arange(10).reshape(5, 2)}


def test_one_array_and_several_answer_alike():
    assert arrays.count(np.zeros((5, 2))) == arrays.count(NAMED) == 5
    assert arrays.sample_shape(np.zeros((5, 2))) == (2,)
    assert arrays.sample_shape(NAMED) == {"user": (), "item": (2,)}
    assert arrays.shape(np.zeros((5, 2))) == (5, 2)
    assert arrays.shape(NAMED) is None
    np.testing.assert_array_equal(arrays.rows(NAMED, slice(2))["item"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(arrays.rows(np.arange(4), [3, 1]), [3, 1])


def test_named_arrays_of_different_length_are_refused():
    with pytest.raises(DataError, match=r"as long as each other. Received: .*'b': 2"):
        arrays.as_arrays({"a": [1, 2, 3], "b": [1, 2]})


def test_batches_keep_the_names_and_their_rows_together():
    batches = kerazoo.datasets.Batches(NAMED, {"rating": np.arange(5)}, batch_size=2, seed=3)
    seen = []
    for inputs, targets in batches.starting_at().take(3):
        np.testing.assert_array_equal(inputs["user"], targets["rating"])
        np.testing.assert_array_equal(inputs["item"][:, 0], 2 * targets["rating"])
        seen += list(targets["rating"].numpy())
    assert sorted(seen) == list(range(5))


def test_the_fingerprint_tells_named_arrays_apart():
    def fingerprint(inputs):
        return kerazoo.datasets.Batches(inputs, np.arange(5), batch_size=2).fingerprint()

    assert fingerprint(NAMED) == fingerprint(dict(reversed(NAMED.items())))
    assert fingerprint(NAMED) != fingerprint({**NAMED, "user": np.arange(5)[::-1]})


def test_a_name_may_stand_for_names():
    nested = arrays.as_arrays({"y": [1, 2, 3], "more": {"a": np.zeros((3, 2)), "b": [0, 1, 2]}})
    assert arrays.count(nested) == 3
    assert arrays.sample_shape(nested) == {"y": (), "more": {"a": (2,), "b": ()}}
    np.testing.assert_array_equal(arrays.rows(nested, [2, 0])["more"]["b"], [2, 0])
    assert [array.shape for array in arrays.each(nested)] == [(3, 2), (3,), (3,)]
    with pytest.raises(DataError, match="as long as each other"):
        arrays.as_arrays({"y": [1, 2, 3], "more": {"a": [1, 2]}})


def test_named_arrays_are_not_images():
    with pytest.raises(DataError, match="several arrays by name"):
        kerazoo.datasets.Batches(
            NAMED, np.arange(5), batch_size=2, augment=kerazoo.datasets.Augment(flip=True)
        )
