"""Convolutions of any kind as the two-dimensional ones that integer kernels exist for."""

from __future__ import annotations

from typing import Any

from keras import ops

Pair = tuple[int, int]


def to_image(inputs: Any, layer: Any) -> Any:
    """Inputs of the wrapped convolution as `(batch, height, width, channels)`, padded where needed.

    A row `(batch, steps, channels)` becomes an image of height 1. Of a volume the slices that meet
    one slice of the kernel are laid side by side as channels, and its depth joins the batch.
    """
    if layer.rank == 1:
        return ops.expand_dims(_causal(inputs, layer), 1)
    return _slices(inputs, layer) if layer.rank == 3 else inputs


def from_image(outputs: Any, inputs: Any, layer: Any) -> Any:
    """Outputs of the image's convolution in the shape that the layer gives."""
    if layer.rank == 1:
        return ops.squeeze(outputs, 1)
    if layer.rank == 3:
        _, height, width, channels = outputs.shape
        depth = _depth(inputs, layer)[0]
        return ops.reshape(outputs, (-1, depth, height, width, channels))
    return outputs


def image_kernel(kernel: Any, layer: Any) -> Any:
    """The kernel `(height, width, channels in, channels out)` of the image's convolution."""
    if layer.rank == 1:
        return ops.expand_dims(kernel, 0)
    if layer.rank == 3:
        depth, height, width, channels, filters = kernel.shape
        kernel = ops.transpose(kernel, (1, 2, 0, 3, 4))
        return ops.reshape(kernel, (height, width, depth * channels, filters))
    return kernel


def layer_kernel(kernel: Any, layer: Any) -> Any:
    """The reverse of `image_kernel`."""
    shape = tuple(layer.kernel.shape)
    if layer.rank == 1:
        return ops.squeeze(kernel, 0)
    if layer.rank == 3:
        depth, height, width, channels, filters = shape
        kernel = ops.reshape(kernel, (height, width, depth, channels, filters))
        return ops.transpose(kernel, (2, 0, 1, 3, 4))
    return kernel


def geometry(layer: Any) -> dict[str, Any]:
    """Strides, dilation and padding of the image's convolution."""
    strides, dilation = tuple(layer.strides), tuple(layer.dilation_rate)
    if layer.rank == 1:
        # Depthwise convolutions need the same stride both ways, and a height of 1 allows any.
        strides, dilation = strides * 2, (1, *dilation)
    return {
        "strides": strides[-2:],
        "dilation_rate": dilation[-2:],
        "padding": "valid" if layer.padding == "causal" else layer.padding,
        "data_format": "channels_last",
    }


def _causal(inputs: Any, layer: Any) -> Any:
    if layer.padding != "causal":
        return inputs
    before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
    return ops.pad(inputs, ((0, 0), (before, 0), (0, 0)))


def _depth(inputs: Any, layer: Any) -> tuple[int, int, int]:
    """Output depth, and the zeros in front and behind that "same" padding puts there."""
    depth, stride = inputs.shape[1], layer.strides[0]
    reach = layer.dilation_rate[0] * (layer.kernel_size[0] - 1) + 1
    if layer.padding == "valid":
        return (depth - reach) // stride + 1, 0, 0
    size = -(-depth // stride)
    zeros = max((size - 1) * stride + reach - depth, 0)
    return size, zeros // 2, zeros - zeros // 2


def _slices(inputs: Any, layer: Any) -> Any:
    size, front, behind = _depth(inputs, layer)
    padded = ops.pad(inputs, ((0, 0), (front, behind), (0, 0), (0, 0), (0, 0)))
    stride, dilation = layer.strides[0], layer.dilation_rate[0]
    last = (size - 1) * stride + 1
    starts = [index * dilation for index in range(layer.kernel_size[0])]
    slices = [padded[:, start : start + last : stride] for start in starts]
    _, _, height, width, channels = inputs.shape
    joined = ops.concatenate(slices, axis=-1)
    return ops.reshape(joined, (-1, height, width, channels * len(slices)))
