"""Strings and arrays out of whatever holds them, for metrics that compute in Python, not in graphs.

Their definition needs what a compiled graph has not: strings, or lists that grow. Inside `fit` and
`evaluate` such a metric says so; fed by a loop around `model.predict` it works on every backend.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerazoo.errors import DataError


def host_array(values: Any, name: str) -> np.ndarray:
    """`values` as a NumPy array.

    Raises: DataError, with the argument's `name`, for a tensor of a graph that is being compiled,
        for values on several replicas, and for a ragged list.
    """
    try:
        if keras.ops.is_tensor(values) and not isinstance(values, keras.KerasTensor):
            return np.asarray(keras.ops.convert_to_numpy(values))
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"`{name}` must have rows of one length: pad the shorter ones.") from error
    except (TypeError, NotImplementedError, AttributeError) as error:
        raise _no_values(values, name) from error
    if array.dtype == object and array.ndim == 0:
        raise _no_values(values, name)
    return array


def host_strings(values: Any, name: str) -> list[str]:
    """Strings, UTF-8 bytes, or an array or tensor of them, `(batch,)` or `(batch, 1)`, as a list.

    Raises: DataError if it is something else.
    """
    if not isinstance(values, (list, tuple, str, bytes)):
        array = host_array(values, name)
        values = array[:, 0].tolist() if array.shape[1:] == (1,) else array.tolist()
    if not isinstance(values, (list, tuple)):
        raise DataError(f"`{name}` must be a list of strings. Received: {values!r}.")
    return [_text(value, name) for value in values]


def check_as_many(y_true: list, y_pred: list) -> None:
    """Raise `DataError` unless there is one prediction for each truth."""
    if len(y_true) != len(y_pred):
        raise DataError(
            "`y_true` and `y_pred` must have the same length. "
            f"Received: {len(y_true)} and {len(y_pred)}."
        )


def check_no_weights(sample_weight: Any) -> None:
    """Raise `DataError` if there are weights, which the metrics of the host do not define."""
    if sample_weight is not None:
        raise DataError("`sample_weight` must be None: the definition of this metric has none.")


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"`{name}` must be UTF-8. Received: {value!r}.") from error
    raise DataError(f"`{name}` must hold strings. Received: {value!r}, {type(value).__name__}.")


def _no_values(values: Any, name: str) -> DataError:
    return DataError(
        f"`{name}` must be values, such as lists or arrays, since this metric runs outside of "
        f"compiled functions. Received: {type(values).__name__}. Call `update_state` in a loop "
        "around `model.predict_on_batch`, not in `compile(metrics=...)`."
    )
