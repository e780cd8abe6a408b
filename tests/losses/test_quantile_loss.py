"""The pinball loss against scikit-learn's, and the quantiles that it leads to."""

import keras
import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from kerazoo.errors import ConfigError, DataError
from kerazoo.losses import QuantileLoss


@pytest.mark.parametrize("quantiles", [[0.5], [0.1, 0.5, 0.9], [0.05, 0.2, 0.3, 0.99]])
@pytest.mark.parametrize("steps", [(), (4,)])
def test_is_the_mean_of_scikit_learns_over_quantiles(quantiles, steps):
    rng = np.random.default_rng(0)
    target = rng.normal(size=(20, *steps)).astype("float32")
    forecast = rng.normal(size=(20, *steps, len(quantiles))).astype("float32")
    expected = np.mean(
        [
            mean_pinball_loss(target.reshape(-1), forecast[..., place].reshape(-1), alpha=quantile)
            for place, quantile in enumerate(quantiles)
        ]
    )
    assert float(QuantileLoss(quantiles)(target, forecast)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_it_is_least_at_the_quantile(quantile):
    target = np.random.default_rng(1).gamma(2.0, size=1001).astype("float32")
    guesses = np.linspace(0.0, 8.0, 161).astype("float32")  # 0.05 apart
    losses = [
        float(QuantileLoss([quantile])(target, np.full((1001, 1), guess))) for guess in guesses
    ]
    best = guesses[np.argmin(losses)]
    assert abs(best - np.quantile(target, quantile)) <= 0.05


def test_config_has_every_argument():
    loss = QuantileLoss([0.2, 0.7], name="pinball", reduction="sum", dtype="bfloat16")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert again.dtype == loss.dtype == "bfloat16"
    target, forecast = np.ones((3,)), np.zeros((3, 2))
    assert float(again(target, forecast)) == pytest.approx(3 * (0.2 + 0.7) / 2, rel=1e-2)


@pytest.mark.parametrize("quantiles", [[], [0.0, 0.5], [1.0], ["half"], 0.5, "0.5"])
def test_quantiles_out_of_range_are_refused(quantiles):
    with pytest.raises(ConfigError, match="`quantiles`"):
        QuantileLoss(quantiles)


@pytest.mark.parametrize("shape", [(5, 12), (5, 12, 2), (5, 1, 3)])
def test_shapes_that_do_not_fit_are_one_line(shape):
    with pytest.raises(DataError, match=r"y_pred \(batch, ..., 3\). Received"):
        QuantileLoss()(np.zeros((5, 12)), np.zeros(shape))
