"""A convolution trained as several branches and deployed as one (RepVGG, MobileOne)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError
from kerazoo.layers._branch_sum import branch_sum
from kerazoo.layers._checks import as_pair, check_channels
from kerazoo.layers._kernel_centers import crop_to_centers
from kerazoo.layers._trainable_parts import freeze_parts_with
from kerazoo.layers.conv_norm_act import ConvNormAct


@keras.saving.register_keras_serializable(package="kerazoo")
class ReparameterizableConv2D(layers.Layer):
    """y = activation(sum_j BN(K_j * x) + BN(K_1x1 * x) + BN(x)); `fuse()` makes it one Conv2D.

    The branches: `branches` convolutions of `kernel_size`; one of 1 x 1, unless `kernel_size` is 1;
    and x itself where strides are 1 and there are as many channels out as in. Each has its own
    batch normalization. The last two read the pixel under the center of the kernel, whatever the
    padding. More branches train to better accuracy; at inference all are linear, so `fuse()` adds
    them up.

    | as in | arguments |
    |---|---|
    | RepVGG | the defaults |
    | MobileOne, depthwise part | `filters=channels, groups=channels, branches=4` |
    | MobileOne, pointwise part | `kernel_size=1, branches=4` |

    A whole functional or Sequential model is fused by Keras's own tool. The layers left as they are
    are shared with the model that was trained:

    ```python
    fused = keras.models.clone_model(
        model,
        clone_function=lambda layer: layer.fuse() if hasattr(layer, "fuse") else layer,
        recursive=True,  # models inside of the model too
    )
    ```

    Source: Ding et al. 2021, "RepVGG", arXiv:2101.03697, section 3.3; Vasu et al. 2022,
    "MobileOne", arXiv:2206.04040, section 3.2. Changed: padding is that of Keras. For weights of a
    PyTorch model with strides of 2 use `ZeroPadding2D(kernel_size // 2)` and `padding="valid"`.

    Args:
        filters: channels of the output, an integer above 0.
        kernel_size: odd integer above 0, or two: height and width.
        strides: an integer above 0, or two. Above 1 with "same" padding, height and width of the
            input must be known when the layer is built: the padding depends on them.
        padding: "same" or "valid".
        groups: parts of the channels that are convolved apart; divides `filters` and the input's
            channels.
        branches: how many of `kernel_size`, an integer above 0.
        activation: of the sum; a name or a function of `keras.activations`, or None.
        momentum, epsilon: of the batch normalizations.
        kernel_initializer: of all convolutions. Without a seed of its own when there are several
            branches: they would start equal, and stay so.

    Shape: `(batch, height, width, channels)`, channels last only whatever Keras's image data format
    is; to `(batch, new_height, new_width, filters)`. The dtype is the layer's compute dtype.

    Sublayers: `kernel_branches` (a list), `pointwise_branch` and `identity_branch` (or None),
    `center`, `add`, `activate`; `call` is a chain of them, so that `keras.Model(x, layer.call(x))`
    shows the layer as a graph of Keras layers.

    Raises: ConfigError if an argument is out of its range or the size of the input must be known
        and is not; DataError if the channels are not known.

    >>> layer = ReparameterizableConv2D(8, branches=2)
    >>> images = np.random.default_rng(0).normal(size=(1, 16, 16, 8))
    >>> trained = layer(images)
    >>> fused = layer.fuse()
    >>> type(fused).__name__, layer.count_params(), fused.count_params()
    ('Conv2D', 1344, 584)
    >>> bool(keras.ops.max(keras.ops.abs(trained - fused(images))) < 1e-5)
    True
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int] = 3,
        strides: int | tuple[int, int] = 1,
        padding: str = "same",
        groups: int = 1,
        branches: int = 1,
        activation: str | Callable | None = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: str | keras.Initializer = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters)
        self.groups = check_integer("groups", groups)
        self.branches = check_integer("branches", branches)
        self.kernel_size = as_pair("kernel_size", kernel_size)
        self.strides = as_pair("strides", strides)
        self.padding = padding
        self.momentum = check_number("momentum", momentum, least=0, most=1)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._check_branches()
        self.input_spec = layers.InputSpec(ndim=4)

        self.kernel_branches = [
            self._branch(f"kernel_branch_{j}", self.kernel_size, padding)
            for j in range(self.branches)
        ]
        self.pointwise_branch = None
        if self.kernel_size != (1, 1):
            self.pointwise_branch = self._branch("pointwise_branch", 1, "valid")
        self.add = layers.Add(dtype=self.dtype_policy, name="add")
        self.activate = layers.Activation(self.activation, dtype=self.dtype_policy, name="activate")

    def _check_branches(self):
        if any(side % 2 == 0 for side in self.kernel_size):
            raise ConfigError(
                f"`kernel_size` must be odd: other branches read the pixel under its center. "
                f"Received: kernel_size={self.kernel_size}."
            )
        if self.branches == 1 or not isinstance(self.kernel_initializer, keras.Initializer):
            return  # a function has no seed to ask for
        seed = self.kernel_initializer.get_config().get("seed")
        if seed is not None:
            raise ConfigError(
                f"`kernel_initializer` must have no seed when `branches` is above 1: the branches "
                f"would start equal, and stay so. Received: seed={seed}. Call "
                f"keras.utils.set_random_seed instead."
            )

    def _branch(self, name, kernel_size, padding):
        return ConvNormAct(
            self.filters,
            kernel_size,
            self.strides,
            padding,
            groups=self.groups,
            activation=None,
            momentum=self.momentum,
            epsilon=self.epsilon,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        self._fix_size(input_shape)
        for branch in self.kernel_branches:
            branch.build(input_shape)
        self.center = self._center(input_shape)
        if self.pointwise_branch is not None:
            self.pointwise_branch.build(self.center.compute_output_shape(input_shape))
        self.identity_branch = None
        if self.strides == (1, 1) and input_shape[-1] == self.filters:
            self.identity_branch = layers.BatchNormalization(
                momentum=self.momentum,
                epsilon=self.epsilon,
                dtype=self.dtype_policy,
                name="identity_branch",
            )
            self.identity_branch.build(input_shape)
        freeze_parts_with(self)

    def _fix_size(self, input_shape):
        """With strides, "same" padding and so the centers depend on the size: it has to stay."""
        if self.padding != "same" or self.strides == (1, 1):
            return
        sizes = input_shape[1:3]
        if any(
            size is None and stride > 1 for size, stride in zip(sizes, self.strides, strict=True)
        ):
            raise ConfigError(
                f'With `padding` "same" and `strides` above 1, layer {self.name!r} must know the '
                f"height and width. Received: input_shape={tuple(input_shape)}. Give the Input a "
                f'size, or pad before the layer and use `padding="valid"`.'
            )
        self.input_spec = layers.InputSpec(ndim=4, axes=dict(enumerate(sizes, start=1)))

    def _center(self, input_shape):
        """The layer that lets strides lead from one kernel's center to the next."""
        crop = [
            crop_to_centers(*axis, self.padding)
            for axis in zip(input_shape[1:3], self.kernel_size, self.strides, strict=True)
        ]
        arguments = {"dtype": self.dtype_policy, "name": "center"}
        if crop == [(0, 0), (0, 0)]:
            return layers.Identity(**arguments)
        return layers.Cropping2D(crop, data_format="channels_last", **arguments)

    def call(self, inputs, training=None):
        outputs = [branch(inputs, training=training) for branch in self.kernel_branches]
        centers = self.center(inputs)
        if self.pointwise_branch is not None:
            outputs.append(self.pointwise_branch(centers, training=training))
        if self.identity_branch is not None:
            outputs.append(self.identity_branch(centers, training=training))
        return self.activate(self.add(outputs))

    def compute_output_shape(self, input_shape):
        return self.kernel_branches[0].compute_output_shape(input_shape)

    def fuse(self) -> keras.layers.Conv2D:
        """A built Conv2D with bias, of this layer's name, that gives its outputs at inference."""
        if not self.built:
            raise ConfigError(
                f"Layer {self.name!r} has no weights yet. Call it on images before `fuse()`."
            )
        fused = layers.Conv2D(
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding,
            data_format="channels_last",
            groups=self.groups,
            activation=self.activation,
            dtype=self.dtype_policy,
            name=self.name,
        )
        kernel, bias = branch_sum(self.kernel_branches, self.pointwise_branch, self.identity_branch)
        fused.build((None, None, None, kernel.shape[2] * self.groups))
        fused.set_weights([kernel, bias])
        return fused

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "groups": self.groups,
            "branches": self.branches,
            "activation": keras.activations.serialize(self.activation),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
