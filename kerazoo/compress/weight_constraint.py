"""The base of all properties that a weight keeps while it is trained: zeros, few values."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="kerazoo")
class WeightConstraint(keras.layers.Layer):
    """A projection of one weight, applied after each update of the optimizer.

    A Keras layer only because layers hold variables: its state (a mask, the number of updates) is
    in the model's `.keras` file and in every checkpoint, so training resumes exactly. It is never
    called; `ConstrainedLayer` makes it the `constraint` of the weight. Subclasses create their
    state in `build(shape)`, as variables with `trainable=False` and `aggregation=
    "only_first_replica"` (weights are equal on all replicas, hence so is their state), and do not
    assign inside of `keras.ops.cond`: on several devices that is an error; choose the value there
    and assign it outside.

    This class itself leaves weights as they are.
    """

    is_per_tensor: bool = False
    """Whether the property is of all values together, as the few values of a clustered kernel: a
    quantizer then uses one range for the whole weight."""

    is_last: bool = False
    """Whether it stands behind all others of the same weight, in whatever order they were given:
    few values are chosen once the zeros are, so that the zero is one of them."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, shape: tuple[int, ...]) -> None:
        """Create the state for a weight of `shape`."""

    def project(self, weight: Any) -> Any:
        """The weight after one update of the optimizer; counts the update.

        Args:
            weight: variable or tensor, float, of the shape given to `build`.

        Returns: a tensor of the same shape and dtype, with the property.
        """
        return keras.ops.convert_to_tensor(weight)

    def enforce(self, weight: Any) -> Any:
        """The weight with the property as the state has it now; changes no state."""
        return keras.ops.convert_to_tensor(weight)

    def adopt(self, weight: Any) -> None:
        """Set the state by the values of a pretrained weight."""

    def call(self, inputs: Any) -> Any:
        return self.enforce(inputs)
