"""Edit distance of texts over the length of the references: what word and character rates share."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.metrics._compensated_sum import add_to, value_of
from kerazoo.metrics._edit_distance import edit_distance
from kerazoo.metrics._host_values import check_as_many, check_no_weights, host_strings


class ErrorRate(keras.metrics.Metric):
    """Edits summed over all texts, divided by the references' length. Subclasses say of what."""

    def __init__(self, name: str, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable((2, 2), "zeros", dtype="float32", name="sums")

    @staticmethod
    def units(text: str) -> list[str]:
        """What is counted."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch: strings `y_true`, the references, and `y_pred`, the hypotheses."""
        check_no_weights(sample_weight)
        references = [self.units(text) for text in host_strings(y_true, "y_true")]
        hypotheses = [self.units(text) for text in host_strings(y_pred, "y_pred")]
        check_as_many(references, hypotheses)
        edits = sum(map(edit_distance, references, hypotheses))
        counts = [float(edits), float(sum(map(len, references)))]
        add_to(self.sums, ops.convert_to_tensor(counts, dtype="float32"))

    def result(self) -> Any:
        edits, length = ops.unstack(value_of(self.sums), axis=0)
        return ops.cast(edits / ops.maximum(length, 1), self.dtype)
