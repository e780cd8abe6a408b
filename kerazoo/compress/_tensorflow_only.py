"""Which parts of quantization need the TensorFlow backend, and the error that says so."""

from __future__ import annotations

import keras

from kerazoo.errors import ConfigError


def check_backend(what: str) -> None:
    """Raise a ConfigError unless Keras runs on TensorFlow; `what` needs it."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ConfigError(
            f"{what} needs the TensorFlow backend: fake-quant is an operation of its converter. "
            f"This process runs {backend!r}: set KERAS_BACKEND=tensorflow."
        )
