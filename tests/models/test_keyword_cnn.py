"""The network for spoken words: its size by hand, and what it must not mind."""

import numpy as np

from kerazoo.models.keyword_cnn import keyword_cnn


def test_it_has_as_many_parameters_as_its_layers_say():
    """10x4 stem, 3x3 depthwise and 1x1 kernels, four numbers a channel for a normalization."""
    stem = 40 * 64 + 4 * 64
    block = (9 * 64 + 4 * 64) + (64 * 64 + 4 * 64)
    assert keyword_cnn((8000,), 10).count_params() == stem + 4 * block + 65 * 10


def test_loudness_does_not_count():
    model = keyword_cnn((4000,), 10, filters=8, blocks=1)
    waves = np.random.default_rng(0).normal(0, 0.1, (3, 4000)).astype("float32")
    loud, soft = model.predict(waves, verbose=0), model.predict(waves / 4, verbose=0)
    assert np.std(loud) > 1e-3
    np.testing.assert_allclose(soft, loud, atol=1e-2 * np.std(loud))
