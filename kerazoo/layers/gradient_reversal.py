"""A layer that training works against: domain-adversarial learning (Ganin, Lempitsky 2015)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number


@keras.saving.register_keras_serializable(package="kerazoo")
class GradientReversal(keras.layers.Layer):
    """y = x forward, dx = -strength * dy backward.

    Between features and a classifier of domains: the classifier learns to tell the domains apart,
    the features learn to make that impossible.

    Source: Ganin, Lempitsky 2015, arXiv:1409.7495, section 3.2.

    Args:
        strength: lambda of the paper, 0 or above: the value before training. It is a weight that
            training leaves alone, so that a callback can change it between epochs without compiling
            the model again.

    Shape: any, and the same out, bit for bit. Masks pass. Exported files lose the layer.

    Raises: ConfigError if `strength` is out of its range.

    The paper's strength for the part p of training that is over, 2 / (1 + exp(-10 p)) - 1:

    >>> layer = GradientReversal()
    >>> def follow(epoch, logs=None):
    ...     layer.strength.assign(2 / (1 + np.exp(-10 * epoch / 100)) - 1)
    >>> schedule = keras.callbacks.LambdaCallback(on_epoch_begin=follow)
    >>> keras.ops.convert_to_numpy(layer(np.array([1.0, 2.0])))
    array([1., 2.], dtype=float32)
    """

    def __init__(self, strength: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.initial_strength = check_number("strength", strength, least=0)
        self.supports_masking = True

    def build(self, input_shape):
        self.strength = self.add_weight(
            (),
            keras.initializers.Constant(self.initial_strength),
            trainable=False,
            autocast=False,
            name="strength",
        )

    def call(self, inputs):
        @ops.custom_gradient
        def reverse(x):
            def backward(*args, upstream=None):
                # PyTorch gives the gradient by name after the inputs, the others alone.
                upstream = args[0] if upstream is None else upstream
                return -ops.cast(self.strength, upstream.dtype) * upstream

            return x, backward

        return reverse(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "strength": self.initial_strength}
