"""Activity regularizers of quantized layers: the same losses, of the same tensors."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import quantize_aware, strip

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def values(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("activation", [None, "relu", "silu", layers.ReLU(name="function")])
def test_activity_regularizers_see_what_they_saw(tmp_path, activation):
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 3, activation=activation, activity_regularizer="l2", name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    model.get_layer("norm").moving_mean.assign([1.0, 2.0, 3.0])
    x = values(4, 6, 6, 2)
    quantized = quantize_aware(model, scheme="int8_weights")
    model(x), quantized(x)
    (expected,) = model.losses
    (loss,) = quantized.losses
    assert float(loss) == pytest.approx(float(expected), rel=0.02)
    quantized.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    again(x)
    assert [float(each) for each in again.losses] == pytest.approx([float(loss)])
    assert strip(quantized).get_layer("conv").activity_regularizer is not None


def test_activity_regularizers_of_attention_see_its_projections():
    inputs = keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 4, activity_regularizer="l2")
    model = keras.Model(inputs, attention(inputs, inputs))
    x = values(4, 5, 4)
    quantized = quantize_aware(model)
    model(x), quantized(x)
    losses = [sorted(float(loss) for loss in net.losses) for net in (model, quantized)]
    assert len(losses[0]) == 4
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
