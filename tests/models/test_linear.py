"""The linear model standardizes by both moments, or not at all."""

import numpy as np
import pytest

from kerazoo.errors import ConfigError
from kerazoo.models.linear import linear


def test_features_are_standardized_by_the_moments_given():
    model = linear((2,), mean=[1.0, -2.0], variance=[4.0, 9.0])
    model.set_weights([np.array([[3.0], [5.0]]), np.array([7.0])])
    features = np.array([[5.0, 1.0]], "float32")
    assert float(model(features)[0, 0]) == pytest.approx(3 * (5 - 1) / 2 + 5 * (1 + 2) / 3 + 7)


@pytest.mark.parametrize("one", [{"mean": [1.0, 2.0]}, {"variance": [1.0, 2.0]}])
def test_one_moment_alone_is_refused(one):
    with pytest.raises(ConfigError, match="`mean` and `variance` belong together"):
        linear((2,), **one)
