"""Biases in the steps that the file stores them in.

An integer kernel adds the bias to a sum of (input integer) * (weight integer), so its step is
s = (input step) * (weight step) and the file holds round(b / s). The b of the model is up to half
of s away from that: enough for about one result in a thousand to come out one step of the output
apart, and in a deep network for one image in a hundred to get another class.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def rounded_bias(bias: Any, input_step: Any, weight_step: Any) -> Any:
    """s * round(bias / s), float32; `bias` itself where there is none or no `input_step`.

    The steps broadcast against `bias`. The gradient goes straight through.
    """
    if bias is None or input_step is None:
        return bias
    bias, step = ops.cast(bias, "float32"), input_step * weight_step
    return bias + ops.stop_gradient(ops.round(bias / step) * step - bias)
