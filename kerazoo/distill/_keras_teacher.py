"""A Keras model as a teacher."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.distill._features import Features


class KerasTeacher:
    """A model in inference mode, called on inputs; returns a dict of outputs by layer.

    The model is left as it is, `trainable` included (`keras.distillation.Distiller` freezes it for
    good, and a copy made of it later too): it is out of reach of the optimizer anyway.
    """

    def __init__(self, model: keras.Model, names: list[str]):
        self._features = Features(model, names, "teacher")
        self.shapes = self._features.shapes
        self.variables = list(model.variables)
        self._weights = list(model.weights)
        self.supports_jit = all(layer.supports_jit for layer in model._flatten_layers())

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Outputs as tensors, inside a training step."""
        with _without_gradients():
            outputs = self._features(inputs, training=False)
        return keras.tree.map_structure(ops.stop_gradient, outputs)

    def run(self, inputs: Any) -> dict[str, Any]:
        """Outputs as arrays, for arrays; compiled."""
        return self._features.predict(inputs)

    def fingerprint(self) -> str:
        """SHA-256 of the weights, in their order; without the seeds, which each process draws."""
        digest = hashlib.sha256()
        for variable in self._weights:
            array = np.ascontiguousarray(ops.convert_to_numpy(variable))
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def _without_gradients() -> contextlib.AbstractContextManager[Any]:
    """PyTorch keeps all activations for a backward pass unless told that there is none."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()
