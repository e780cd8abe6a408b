"""`Backbone`: a network that turns pixels into feature maps, and shows them at every stride."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras

from kerazoo.errors import ConfigError

STRIDES = (2, 4, 8, 16, 32)
_RESHAPES = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D)


@keras.saving.register_keras_serializable(package="kerazoo")
class Backbone(keras.Model):
    """A functional model: pixels 0..255 in, the last feature map out.

    `(batch, height, width, channels)` to `(batch, height / stride, width / stride, features)`;
    from a SavedModel whatever that gives, mostly `(batch, features)`. `kerazoo.hub.backbone` makes
    them.

    Raises: `features` raises ConfigError where there are no maps to see, as in a SavedModel, or the
        input size is open.

    >>> import kerazoo
    >>> backbone = kerazoo.hub.backbone("efficientnet_lite0", weights=None, input_shape=(64, 64, 3))
    >>> backbone.output_shape
    (None, 2, 2, 1280)
    >>> pyramid = backbone.features()
    >>> {name: tensor.shape[1:] for name, tensor in pyramid.output.items()}["stride_8"]
    (8, 8, 240)
    """

    def features(self) -> keras.Model:
        """A model, on the same layers, of the feature maps at every stride there is.

        Its output is a dict: "stride_2", "stride_4" ... "stride_32" to a tensor `(batch, height,
        width, channels)` each, the richest of that size: the last one that all that follows is
        computed from (or, in networks without such a place, the last one).

        Raises:
            ConfigError: there are none to see, as in a SavedModel, or the input size is open.
        """
        side = self.input_shape[1] if len(self.input_shape) == 4 else None
        if side is None:
            raise ConfigError(
                f"Strides are told by sizes, and {self.name!r} takes {self.input_shape}. Make the "
                f"backbone with `input_shape`."
            )
        found: dict[int, Any] = {}
        for tensor, is_passage in _maps(self):
            stride = 2 ** round(math.log2(side / tensor.shape[1]))
            if is_passage or not found.get(stride, (None, False))[1]:
                found[stride] = (tensor, is_passage)
        outputs = {f"stride_{s}": found[s][0] for s in STRIDES if s in found}
        if not outputs:
            raise ConfigError(
                f"{self.name!r} shows no feature maps: a SavedModel gives its outputs alone."
            )
        return keras.Model(self.input, outputs, name=f"{self.name}_features")


def _maps(model: keras.Model) -> Iterator[tuple[Any, bool]]:
    """The feature maps in the order of their computation, and whether everything passes there.

    Everything passes through a tensor if no earlier one is read after it. Keras has no public walk
    over the calls of a model; a layer may have been called in other models too.
    """
    by_depth = sorted(model._nodes_by_depth.items(), reverse=True)
    nodes = [node for _, nodes in by_depth for node in nodes if not node.is_input]
    last_read: dict[int, int] = {}
    for number, node in enumerate(nodes):
        for tensor in node.input_tensors:
            last_read[id(tensor)] = number
    reach = max((last_read.get(id(t), 0) for t in keras.tree.flatten(model.input)), default=0)
    for number, node in enumerate(nodes):
        (tensor, *others) = node.outputs
        is_map = len(tensor.shape) == 4 and (tensor.shape[1] or 0) > 1
        if is_map and not others and not isinstance(node.operation, _RESHAPES):
            yield tensor, reach <= number
        reach = max([reach, *(last_read.get(id(t), number) for t in node.outputs)])
