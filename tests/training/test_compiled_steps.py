"""A step that fails says what is wrong with the data, in one line."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.datasets import Batches
from kerazoo.errors import DataError
from kerazoo.training import Loop


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (np.full(8, 7), r"label value of 7 which is outside the valid range of \[0, 3\)"),
        (np.array(["rose"] * 8), "Cast string to float is not supported"),
    ],
)
def test_labels_that_the_model_cannot_learn(labels, what, run_eagerly):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="flowers")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=run_eagerly)
    with pytest.raises(DataError, match=f"do not fit the model 'flowers': .*{what}") as caught:
        Loop(model).fit(Batches(np.zeros((8, 4), "float32"), labels, batch_size=4), epochs=1)
    assert "\n" not in str(caught.value)
    assert "node" not in str(caught.value)
