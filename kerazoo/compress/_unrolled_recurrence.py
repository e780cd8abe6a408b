"""What the quantized recurrent layers share: a cell called once for each step, without a loop."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range
from kerazoo.compress.quantized_activation import TANH_RANGE, UNIT_RANGE

FIXED = {"sigmoid": UNIT_RANGE, "tanh": TANH_RANGE}


class UnrolledRecurrence(QuantizedLayer):
    """A recurrent layer of a fixed number of steps, each step's results fake-quantized.

    TFLite's loops compute in float, and the fused integer LSTM kernel is made from Keras 2's
    functions alone, so the steps are laid out one after the other: about 15 operators a step.
    All steps share the ranges.

    Subclasses give `OBSERVED` and `LATER`, the names of the ranges of all steps and of all but the
    first, and `step(inputs, states, index)`: of one step's products with the input kernel and the
    states (None at first) the new states, the output first and not rounded yet.

    Args:
        layer: a `keras.layers.LSTM` or a `keras.layers.GRU`.
        scheme: bits of weights and activations.
        steps: of the sequence, 2 or above. A range covers what each of the steps has seen.

    Call arguments: `sequence`, `(batch, steps, features)`.
    """

    OBSERVED: tuple[str, ...] = ()
    LATER: tuple[str, ...] = ()

    def __init__(self, layer: keras.Layer, scheme: Any = None, steps: int = 2, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        self.steps = steps
        self.kernel_quantizer = self.activation_quantizer("kernel")
        self.output_quantizer = self.activation_quantizer("output", members=steps - 1)
        self.quantizers = {
            name: self.activation_quantizer(
                name,
                members=steps - (name in self.LATER),
                fixed_range=FIXED.get(name),
            )
            for name in (*FIXED, *self.OBSERVED, *self.LATER)
        }

    @property
    def cell(self) -> keras.Layer:
        """The cell with the weights."""
        return self.inner.cell

    def build(self, input_shape):
        super().build(input_shape)
        for quantizer in (
            self.kernel_quantizer,
            self.output_quantizer,
            *self.quantizers.values(),
        ):
            quantizer.build(None)

    def call(self, sequence):
        products = self.kernel_quantizer(self.product(sequence, "kernel", self.input_bias()))
        positions = list(range(self.steps))[:: -1 if self.inner.go_backwards else 1]
        states: Any = None
        for index, position in enumerate(positions):
            states = self.step(products[:, position], states, index)
            if index < self.steps - 1:  # the last output gets its range from the planner
                states[0] = self.output_quantizer(states[0], member=index)
        return states[0]

    def input_bias(self) -> Any:
        """What is added to the products with the input kernel."""
        return self.cell.bias

    def rounded(self, name: str, tensor: Any, index: int) -> Any:
        """The tensor of step `index` within the range `name`."""
        member = index - 1 if name in self.LATER else index
        return self.quantizers[name](tensor, member=member)

    def sigmoid(self, tensor: Any) -> Any:
        """sigmoid(tensor), in steps of 1 / 256."""
        return self.quantizers["sigmoid"](ops.sigmoid(tensor))

    def tanh(self, tensor: Any) -> Any:
        """tanh(tensor), in steps of 1 / 128."""
        return self.quantizers["tanh"](ops.tanh(tensor))

    def product(self, inputs: Any, kernel: str, bias: Any) -> Any:
        """inputs q(kernel) + bias."""
        outputs = ops.matmul(self.cast(inputs), self.cast(self._quantized(kernel)))
        return outputs if bias is None else outputs + self.cast(ops.convert_to_tensor(bias))

    def quantized_weights(self) -> dict[str, Any]:
        return {f"cell/{name}": self._quantized(name) for name in ("kernel", "recurrent_kernel")}

    def plain_weights(self) -> dict[str, Any]:
        """By the name that the cell has in the paths of its weights, "lstm_cell"."""
        weights = self.quantized_weights()
        return {path.replace("cell", self.cell.name, 1): value for path, value in weights.items()}

    def _quantized(self, name: str) -> Any:
        kernel = ops.convert_to_tensor(getattr(self.cell, name))
        return quantize_weights(kernel, weight_range(kernel, per_channel=False), bits=self.bits)

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}
