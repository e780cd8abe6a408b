"""A temporal convolutional network that forecasts quantiles (Bai, Kolter, Koltun 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integers, check_number
from kerazoo.layers import TemporalConvBlock
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._names import with_numbers


def tcn_forecaster(
    input_shape: Sequence[int],
    horizon: int,
    quantiles: int = 3,
    mean: float = 0.0,
    deviation: float = 1.0,
    filters: int = 32,
    kernel_size: int = 3,
    dilation_rates: Sequence[int] = (1, 2, 4, 8),
    dropout: float = 0.2,
) -> keras.Model:
    """Causal residual blocks, arXiv:1803.01271; the last step's features give all steps ahead.

    Quantiles never cross: the network gives the middle one, and how far each is above the one
    before.

    Args:
        input_shape: (steps, series); values in their own units.
        horizon: steps ahead, 1 or more. The output is `(batch, horizon, quantiles)`, in the unit of
            the first series, quantiles in ascending order.
        quantiles: how many, 1 or more; which, is the loss's affair.
        mean: of the series over the training data, in its unit.
        deviation: its standard deviation likewise, above 0.
        filters: features of each step, 1 or more.
        kernel_size: steps that a convolution sees, 1 or more; each block has two.
        dilation_rates: one block each, 1 or more.
        dropout: probability of dropping a feature in training, 0 to below 1.
    """
    check_counts(horizon=horizon, quantiles=quantiles, filters=filters, kernel_size=kernel_size)
    check_dropped(dropout=dropout)
    mean = check_number("mean", mean)
    deviation = check_number("deviation", deviation, above=0)
    dilation_rates = check_integers("dilation_rates", dilation_rates)
    shape = check_shape(input_shape, "steps", "series")
    inputs = keras.Input(shape, name="series")
    # In float32: half precision cannot tell values far from zero apart.
    x = layers.Rescaling(
        1 / deviation, offset=-mean / deviation, dtype="float32", name="standardize"
    )(inputs)
    names = with_numbers("block", dilation_rates)
    for rate, name in zip(dilation_rates, names, strict=True):
        block = TemporalConvBlock(
            filters, kernel_size, dilation_rate=rate, dropout=dropout, name=name
        )
        x = block(x)
    x = layers.Cropping1D((shape[0] - 1, 0), name="last_step")(x)
    x = layers.Dropout(dropout, name="dropout")(layers.Flatten(name="flatten")(x))
    middle = layers.Dense(horizon, dtype="float32", name="middle")(x)
    standardized = layers.Reshape((horizon, 1), dtype="float32", name="middle_column")(middle)
    if quantiles > 1:
        rises = layers.Dense(
            horizon * (quantiles - 1), activation="softplus", dtype="float32", name="rises"
        )(x)
        columns = layers.Reshape((horizon, quantiles - 1), dtype="float32", name="rise_columns")
        height = ops.cumsum(ops.pad(columns(rises), ((0, 0), (0, 0), (1, 0))), axis=-1)
        at = quantiles // 2
        standardized = standardized + (height - height[..., at : at + 1])
    forecast = layers.Rescaling(deviation, offset=mean, dtype="float32", name="forecast")
    return keras.Model(inputs, forecast(standardized))
