"""A `.tflite` file, asked as a Keras model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.exporters import TFLiteModel


class ExportedModel:
    """What `predict` needs of a model, of a file with one input and one output.

    Attributes:
        name: of the model that was exported; None for a file from elsewhere.
        task_name: of a zoo model.
        labels: one for each class; None where the file holds none.
        gives_probabilities: whether the output comes from a softmax or a sigmoid.
        input_shape, output_shape: batch first, None where a size is open.
    """

    def __init__(self, file: TFLiteModel):
        inputs, outputs = file.signature.inputs, file.signature.outputs
        if len(inputs) != 1 or len(outputs) != 1:
            raise DataError(
                f"`predict` is for files with one input and one output. This one has {len(inputs)} "
                f"and {len(outputs)}: call what kerazoo.load_tflite gives."
            )
        self._file, self._input = file, inputs[0]
        self.name: str | None = file.metadata.get("name")
        self.task_name = str(file.metadata.get("task", ""))
        self.labels = file.labels
        self.gives_probabilities = file.gives_probabilities
        self.input_shape, self.output_shape = inputs[0].shape, outputs[0].shape

    def predict(self, batch: np.ndarray, *, verbose: Any = None) -> np.ndarray:
        """Real numbers for real numbers; pixels are rounded for a file that takes whole ones."""
        import numpy as np

        takes_pixels = np.dtype(self._input.dtype).kind in "iu" and not self._input.scale
        if takes_pixels and batch.dtype.kind == "f" and np.can_cast(np.uint8, self._input.dtype):
            batch = np.rint(batch).astype(self._input.dtype)
        return np.asarray(self._file.predict(batch))
