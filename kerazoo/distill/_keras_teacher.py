"""A Keras model as a teacher."""

from __future__ import annotations

import hashlib
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.distill._features import Features


class KerasTeacher:
    """A frozen model in inference mode, called on inputs; returns a dict of outputs by layer."""

    def __init__(self, model: keras.Model, names: list[str]):
        model.trainable = False  # as `keras.distillation.Distiller` does: no gradients are kept
        self._features = Features(model, names, "teacher")
        self.shapes = self._features.shapes
        self.variables = list(model.variables)
        self.supports_jit = all(layer.supports_jit for layer in model._flatten_layers())

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Outputs as tensors, inside a training step."""
        outputs = self._features(inputs, training=False)
        return keras.tree.map_structure(ops.stop_gradient, outputs)

    def run(self, inputs: Any) -> dict[str, Any]:
        """Outputs as arrays, for arrays; compiled."""
        return self._features.predict(inputs)

    def fingerprint(self) -> str:
        """SHA-256 of the weights, in their order."""
        digest = hashlib.sha256()
        for variable in self.variables:
            array = np.ascontiguousarray(ops.convert_to_numpy(variable))
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()
