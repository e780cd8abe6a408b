"""Keras 2's hard sigmoid, which is not Keras 3's."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerazoo")
def keras2_hard_sigmoid(x: Any) -> Any:
    """min(max(0.2 x + 0.5, 0), 1), elementwise, any shape.

    Keras 3's `hard_sigmoid` is relu6(x + 3) / 6, a slope of 1/6 instead of 1/5: a recurrent layer
    of an old model that uses it would drift without an error. `from_keras2` puts this one there.

    Source: `tf_keras.activations.hard_sigmoid`.

    >>> keras2_hard_sigmoid(np.array([-3.0, 0.0, 1.0])).numpy().round(3).tolist()
    [0.0, 0.5, 0.7]
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
