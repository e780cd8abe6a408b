"""A Keras layer some of whose weights keep a property: what `prune` and `cluster` make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kerazoo.compress._weights_of import weight_at
from kerazoo.compress.weight_constraint import WeightConstraint


@keras.saving.register_keras_serializable(package="kerazoo")
class ConstrainedLayer(keras.layers.Wrapper):
    """`layer`, computing as before, with weights that are projected after every update.

    The projections are the `constraint` of the variables, which Keras's optimizers call; nothing
    else has to be called, and the variables themselves have the property. A `kernel_constraint` of
    the layer comes first, then `constraints` in their order. Optimizers call them
    each time they are called: with `gradient_accumulation_steps` that is each batch.

    The wrapper has the name of the layer, so `model.get_layer(name)` finds it; the layer itself is
    `.layer`. Averaged weights (`use_ema`) are not projected by Keras: `strip` does it.

    Args:
        layer: any Keras layer.
        constraints: weight path inside of the layer -> one WeightConstraint or several, as
            {"kernel": [...]} of Dense, "query/kernel" of MultiHeadAttention,
            "cell/recurrent_kernel" of LSTM.

    Raises:
        UnknownNameError: a path that is no weight of the layer.

    >>> from kerazoo.compress import WeightConstraint
    >>> dense = keras.layers.Dense(2, name="head")
    >>> layer = ConstrainedLayer(dense, {"kernel": WeightConstraint()})
    >>> outputs = layer(np.ones((1, 3), "float32"))
    >>> layer.name, tuple(outputs.shape), dense.kernel.constraint is not None
    ('head', (1, 2), True)
    """

    def __init__(
        self,
        layer: keras.Layer,
        constraints: Mapping[str, WeightConstraint | Sequence[WeightConstraint]],
        **kwargs: Any,
    ):
        kwargs.setdefault("name", layer.name)
        kwargs.setdefault("dtype", layer.dtype_policy)
        kwargs.setdefault("trainable", layer.trainable)
        super().__init__(layer, autocast=False, **kwargs)  # the layer casts its inputs itself
        self.constraints = {
            path: [given] if isinstance(given, WeightConstraint) else list(given)
            for path, given in constraints.items()
        }
        self._is_attached = False
        self.supports_masking = layer.supports_masking
        self._allow_non_tensor_positional_args = True  # the layer has its own rule
        if layer.built:
            self.build()

    def build(self, input_shape: Any = None) -> None:
        # A layer that is not built yet is by its first call: only it knows which shapes it needs.
        if self.layer.built:
            self._attach()

    def call(self, *args: Any, **kwargs: Any) -> Any:
        outputs = self.layer(*args, **kwargs)
        self._attach()
        return outputs

    def constrained_variables(self) -> dict[str, keras.Variable]:
        """Weight path -> the variable that is constrained."""
        return {path: weight_at(self.layer, path) for path in self.constraints}

    def enforce(self) -> None:
        """Give the variables the properties, whatever was assigned to them."""
        for path, variable in self.constrained_variables().items():
            value = variable
            for constraint in self.constraints[path]:
                value = constraint.enforce(value)
            variable.assign(value)

    def _attach(self) -> None:
        if self._is_attached:
            return
        for path, variable in self.constrained_variables().items():
            for constraint in self.constraints[path]:
                if not constraint.built:
                    constraint.build(tuple(variable.shape))
            if not _has_these(variable, self.constraints[path]):
                variable.constraint = _InOrder(variable.constraint, self.constraints[path])
        self._is_attached = True

    def compute_mask(self, inputs, previous_mask=None):
        return None  # the layer has put its masks on its outputs

    def compute_output_spec(self, *args, **kwargs):
        # Traced, as the layer may have several inputs and its own way to say what comes out.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, *args, **kwargs):
        return self.layer.compute_output_shape(*args, **kwargs)

    def get_build_config(self):
        return self.layer.get_build_config()

    def build_from_config(self, config):
        if not self.layer.built:
            self.layer.build_from_config(config)
        self.build()

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        constraints = {
            path: [serialize(constraint) for constraint in chain]
            for path, chain in self.constraints.items()
        }
        return {**super().get_config(), "constraints": constraints}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("layer", "constraints"):
            config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects)
        return cls(**config)


def _has_these(variable: Any, projections: list[WeightConstraint]) -> bool:
    """Whether another ConstrainedLayer around the same weight has attached the same objects."""
    given = variable.constraint
    return isinstance(given, _InOrder) and [*map(id, given.projections)] == [*map(id, projections)]


class _InOrder(keras.constraints.Constraint):
    """The layer's own constraint, then the projections, one after the other."""

    def __init__(self, first: Any, projections: Sequence[WeightConstraint]):
        self.first = first
        self.projections = projections

    def __call__(self, variable: Any) -> Any:
        value = variable if self.first is None else self.first(variable)
        for projection in self.projections:
            value = projection.project(value)
        return value
