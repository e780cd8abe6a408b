"""The softmax over a batch's items against keras-rs's correction, and Keras's cross-entropy.

Each user and item once: keras-rs 0.4.0's RemoveAccidentalHits adds the smallest float there is
(1e-40) where it means to add the lowest, so that nothing is removed.
"""

import numpy as np
import pytest
from keras import losses, ops

from kerazoo.losses import InBatchSoftmaxLoss

keras_rs = pytest.importorskip("keras_rs")


@pytest.mark.parametrize("seed", range(5))
def test_corrected_softmax(seed):
    rng = np.random.default_rng(seed)
    rows, units, temperature = 32, 8, 0.3
    chances = rng.dirichlet(np.ones(rows)).astype("float32")
    targets = np.stack([np.arange(rows), rng.permutation(rows), chances], axis=1)
    vectors = rng.normal(size=(rows, 2 * units)).astype("float32")

    logits = vectors[:, :units] @ vectors[:, units:].T / temperature
    correct = keras_rs.layers.SamplingProbabilityCorrection(epsilon=1e-12)
    logits = correct(logits, np.tile(chances, (rows, 1)))
    chosen = np.eye(rows, dtype="float32")
    expected = losses.CategoricalCrossentropy(from_logits=True, reduction=None)(chosen, logits)

    loss = InBatchSoftmaxLoss(temperature, reduction=None)(targets, vectors)
    np.testing.assert_allclose(
        ops.convert_to_numpy(loss), ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-4
    )
