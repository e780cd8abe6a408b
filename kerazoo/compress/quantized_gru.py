"""GRU in integers, unrolled."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._unrolled_recurrence import UnrolledRecurrence


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedGRU(UnrolledRecurrence):
    """z, r = s(x W + h U + b), n = tanh(x W + r (h U + b')); h' = z h + (1 - z) n, s = sigmoid.

    That is Keras's default, `reset_after=True`: the reset gate r acts behind the product with the
    recurrent kernel. Each product and each sum is fake-quantized. Source: Cho et al. 2014,
    arXiv:1406.1078.
    """

    OBSERVED = ("recurrent", "gates", "reset", "candidate", "rest", "new")
    LATER = ("kept",)

    def input_bias(self) -> Any:
        return None if self.cell.bias is None else self.cell.bias[0]

    def step(self, inputs: Any, states: list[Any] | None, index: int) -> list[Any]:
        """[h'] from x W + b and [h]."""

        def rounded(name, tensor):
            return self.rounded(name, tensor, index)

        split = 2 * self.cell.units
        hidden = ops.zeros_like(inputs[:, : self.cell.units]) if states is None else states[0]
        bias = None if self.cell.bias is None else self.cell.bias[1]
        recurrent = rounded("recurrent", self.product(hidden, "recurrent_kernel", bias))
        gates = rounded("gates", inputs[:, :split] + recurrent[:, :split])
        keep = self.sigmoid(gates[:, : self.cell.units])
        use = self.sigmoid(gates[:, self.cell.units :])
        reset = rounded("reset", use * recurrent[:, split:])
        candidate = self.tanh(rounded("candidate", inputs[:, split:] + reset))
        new = rounded("new", rounded("rest", 1.0 - keep) * candidate)
        return [new if states is None else rounded("kept", keep * hidden) + new]
