"""The recogniser of speech: its size by hand, its frames, and what it must not mind."""

import numpy as np

from kerazoo.models.ctc_cnn import ctc_cnn


def test_it_has_as_many_parameters_as_its_layers_say():
    """11 frames of 40 bands, then 11x1 depthwise and 1x1 kernels; four numbers a normalization."""
    stem = 11 * 40 * 96 + 4 * 96
    block = 11 * 96 + 96 * 96 + 4 * 96
    assert ctc_cnn((48_000,), 11).count_params() == stem + 6 * block + 97 * 11


def test_a_frame_each_40_milliseconds():
    assert ctc_cnn((8000,), 11, blocks=1).output_shape == (None, 25, 11)


def test_loudness_does_not_count():
    model = ctc_cnn((4000,), 5, filters=8, blocks=1)
    waves = np.random.default_rng(0).normal(0, 0.1, (3, 4000)).astype("float32")
    loud, soft = model.predict(waves, verbose=0), model.predict(waves / 4, verbose=0)
    assert np.std(loud) > 1e-3
    np.testing.assert_allclose(soft, loud, atol=1e-2 * np.std(loud))
