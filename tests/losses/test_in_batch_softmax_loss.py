"""The softmax over a batch's items against its definition, row by row, in plain Python."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.losses import InBatchSoftmaxLoss


def by_definition(rows, vectors, temperature):
    """The loss of each row, from the formula."""
    units = len(vectors[0]) // 2

    def score(i, j):
        product = sum(vectors[i][n] * vectors[j][units + n] for n in range(units))
        return product / temperature - math.log(rows[j][2])

    losses = []
    for i, (user, item, _) in enumerate(rows):
        others = [
            j
            for j, (other_user, other_item, _) in enumerate(rows)
            if j == i or (other_user != user and other_item != item)
        ]
        total = sum(math.exp(score(i, j)) for j in others)
        losses.append(-math.log(math.exp(score(i, i)) / total))
    return losses


def draw(seed, rows=12, units=4):
    """Few users and items, so that there are accidental hits of both kinds."""
    rng = np.random.default_rng(seed)
    frequencies = rng.integers(1, 30, 6)
    items = rng.integers(0, 6, rows)
    targets = np.stack([rng.integers(0, 5, rows), items, frequencies[items]], axis=1)
    return targets.astype("int32"), rng.normal(size=(rows, 2 * units)).astype("float32")


@pytest.mark.parametrize("temperature", [0.2, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_is_its_definition(seed, temperature):
    targets, vectors = draw(seed)
    loss = InBatchSoftmaxLoss(temperature, reduction=None)(targets, vectors)
    expected = by_definition(targets.tolist(), vectors.tolist(), temperature)
    np.testing.assert_allclose(ops.convert_to_numpy(loss), expected, rtol=1e-4, atol=1e-5)


def test_a_row_alone_has_nothing_to_lose():
    targets, vectors = draw(0, rows=1)
    assert float(InBatchSoftmaxLoss()(targets, vectors)) == 0


def test_frequencies_have_no_unit():
    targets, vectors = draw(1)
    thousandfold = targets * [1, 1, 1000]
    loss = InBatchSoftmaxLoss()
    assert float(loss(targets, vectors)) == pytest.approx(
        float(loss(thousandfold, vectors)), rel=1e-4
    )


def test_large_scores_stay_finite():
    targets, vectors = draw(2)
    assert np.isfinite(float(InBatchSoftmaxLoss(temperature=1e-4)(targets, vectors)))


def test_config_has_every_argument():
    loss = InBatchSoftmaxLoss(0.3, name="retrieval", reduction="sum", dtype="bfloat16")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert again.dtype == loss.dtype == "bfloat16"
    assert again.temperature == 0.3


@pytest.mark.parametrize("temperature", [0, -0.1, float("nan"), "low"])
def test_temperatures_out_of_range_are_refused(temperature):
    with pytest.raises(ConfigError, match="`temperature`"):
        InBatchSoftmaxLoss(temperature)


@pytest.mark.parametrize("shapes", [((4,), (4, 6)), ((4, 2), (4, 6)), ((4, 3), (4, 5))])
def test_shapes_that_do_not_fit_are_one_line(shapes):
    targets, vectors = (np.ones(shape, "float32") for shape in shapes)
    with pytest.raises(DataError, match=r"y_true \(batch, 3\) and y_pred .* Received"):
        InBatchSoftmaxLoss()(targets, vectors)
