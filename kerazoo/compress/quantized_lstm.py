"""LSTM in integers, unrolled."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.compress._unrolled_recurrence import UnrolledRecurrence


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedLSTM(UnrolledRecurrence):
    """i, f, g, o = x W + h U + b; c' = s(f) c + s(i) tanh(g); h' = s(o) tanh(c'), s = sigmoid.

    Each product of matrices, each sum and each product of gates is fake-quantized. Source:
    Hochreiter, Schmidhuber 1997, with forget gates; the order of the gates is Keras's.
    """

    OBSERVED = ("update", "state")
    LATER = ("recurrent", "gates", "kept")

    def step(self, inputs: Any, states: list[Any] | None, index: int) -> list[Any]:
        """[h', c'] from x W + b and [h, c]."""
        gates = inputs
        if states is not None:
            recurrent = self.product(states[0], "recurrent_kernel", None)
            recurrent = self.rounded("recurrent", recurrent, index)
            gates = self.rounded("gates", inputs + recurrent, index)
        units = self.cell.units  # slices: a SPLIT of which a part is unused stays in float
        take, keep, new, give = (gates[:, i * units : (i + 1) * units] for i in range(4))
        state = self.rounded("update", self.sigmoid(take) * self.tanh(new), index)
        if states is not None:
            state = self.rounded("kept", self.sigmoid(keep) * states[1], index) + state
        state = self.rounded("state", state, index)
        return [self.sigmoid(give) * self.tanh(state), state]
