"""Recurrent networks on a time series: what comes next, from what came before.

    python examples/rnn_on_time_series.py

A sine with a second one that comes and goes; three kinds of recurrent layer, and the naive guess.
"""

import keras
import numpy as np
from keras import layers

import kerazoo

WINDOW = 40
steps = np.arange(3000)
noise = np.random.default_rng(0).normal(0, 0.05, len(steps))
series = np.sin(steps / 7) + 0.6 * np.sin(steps / 3) * (np.sin(steps / 90) > 0) + noise
windows = np.lib.stride_tricks.sliding_window_view(series, WINDOW + 1).astype("float32")
x, y = windows[:, :-1, None], windows[:, -1:]
train, test = slice(0, 2200), slice(2300, None)  # later than all of the training part


def network(layer: layers.Layer) -> keras.Model:
    model = keras.Sequential([keras.Input((WINDOW, 1)), layer, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(5e-3), "mae")
    return model


if __name__ == "__main__":
    scale = float(np.abs(np.diff(series[:2200])).mean())  # of a step, in the training part
    print(f"{'the last value again':20} MASE {np.abs(x[test, -1] - y[test]).mean() / scale:.3f}")
    for kind in (layers.SimpleRNN, layers.LSTM, layers.GRU):
        keras.utils.set_random_seed(0)  # before the layer is made: it draws its seeds then
        model = network(kind(24))
        model.fit(x[train], y[train], epochs=8, batch_size=64, verbose=0)
        metric = kerazoo.metrics.MeanAbsoluteScaledError(scale=scale)
        metric.update_state(y[test], model.predict(x[test], verbose=0))
        weights = model.count_params()
        print(f"{kind.__name__:20} MASE {float(metric.result()):.3f}, {weights:,} weights")

    # On a phone a recurrent layer is unrolled: builtin operators, no TensorFlow in the app.
    unrolled = network(layers.GRU(24, unroll=True))
    unrolled.set_weights(model.get_weights())
    report = kerazoo.export(unrolled, "next_value.tflite", calibration=x[train][:200])
    print(f"as a file: {report.size_bytes / 1000:.0f} kB, largest error {report.max_abs_error:.1e}")
