"""`Task`: what is asked of a model; here of classifiers and regressors, which give it directly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kerazoo.datasets.text import PADDING
from kerazoo.errors import ConfigError, DataError
from kerazoo.tasks.prediction import Prediction

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.datasets import Dataset


class Task:
    """Classification and regression: the model's outputs are the answer.

    Tasks in which more has to be done are subclasses, one file each in this folder.

    Attributes:
        measures: names of what `score` gives, beside the loss and the metrics of the recipe.
        is_decoded: whether `deployed` gives something else than the model that is trained, which
            loss and metrics then cannot judge.
        says_where: whether answers are about places in an image; those about an image file are then
            given and drawn in the file's own pixels.
        gives_probabilities: whether outputs from 0 to 1 are known to be probabilities, as behind a
            sigmoid for each label; if not, those are that add up to 1, and others are logits.

    >>> import kerazoo, numpy as np
    >>> digits = kerazoo.datasets.info("digits")
    >>> logits = np.arange(10.0)
    >>> answer = kerazoo.tasks.Task().prediction("seven.png", logits, digits, top=2)
    >>> {label: round(score, 3) for label, score in answer.scores.items()}
    {'9': 0.632, '8': 0.233}
    """

    measures: tuple[str, ...] = ()
    is_decoded: bool = False
    says_where: bool = False
    gives_probabilities: bool = False

    def with_beams(self, beams: int) -> Task:
        """This task, with answers that are searched for with so many beams.

        Raises:
            ConfigError: they are not searched for, or there is no such number of beams.
        """
        raise ConfigError("`beams` is for models that translate. Leave it out for this one.")

    def sample(self, text: str, data: Dataset) -> np.ndarray:
        """One sample from what a person has at hand, for a dataset with `parse`."""
        if data.parse is None:
            raise DataError(f"{data.name} has no samples that can be written as text.")
        return data.parse(text)

    def deployed(self, model: keras.Model, data: Dataset) -> keras.Model:
        """The model that is exported and asked, with one array as its output."""
        return model

    def score(self, outputs: np.ndarray, targets: Any, data: Dataset) -> dict[str, float]:
        """Figures of all answers of the deployed model to a split of `data`."""
        return {}

    def prediction(
        self, source: str, output: np.ndarray, data: Dataset | None, top: int
    ) -> Prediction:
        """One answer of the deployed model in words; `top` labels at most."""
        count = output.shape[-1]
        # One number is no share of its own sum: a value, even of a dataset with classes.
        is_regression = count == 1 or (data is not None and data.class_names is None)
        scores = {} if is_regression else self._scores(output, labels_or_numbers(data, count), top)
        return Prediction(source, scores, [float(value) for value in output.reshape(-1)])

    def _scores(self, row: np.ndarray, labels: list[str], top: int) -> dict[str, float]:
        import numpy as np

        is_known = self.gives_probabilities and row.min() >= 0 and row.max() <= 1
        if not (is_known or is_distribution(row)):  # logits
            row = np.exp(row - row.max())
            row = row / row.sum()
        best = np.argsort(-row, kind="stable")[:top]
        return {labels[number]: float(row[number]) for number in best}

    def resized(
        self, output: np.ndarray, before: Sequence[int], after: Sequence[int]
    ) -> np.ndarray:
        """The answer about an image of shape `before`, `(height, width, ...)`, as one about the
        same image of shape `after`."""
        return output

    def mask(self, sample: np.ndarray, output: np.ndarray) -> np.ndarray | None:
        """What a picture of the sample cannot give back: integers for its pixels, `(height,
        width)`; None if there is nothing."""
        return None

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """The sample with the answer to it, on matplotlib's axes."""
        prediction = self.prediction("", output, data, top=3)
        said = [f"{label} {score:.1%}" for label, score in prediction.scores.items()]
        axes.set_title("  ".join(said or [f"{value:.4g}" for value in prediction.values[:3]]))
        draw_sample(axes, sample)

    def draw_inside(
        self,
        axes: Any,
        sample: np.ndarray,
        output: np.ndarray,
        data: Dataset | None,
        model: keras.Model,
    ) -> None:
        """The same, with what goes on in the deployed model, where that has a picture."""
        self.draw(axes, sample, output, data)


def draw_sample(axes: Any, sample: np.ndarray) -> None:
    """A picture, a curve, or a row of numbers.

    Raises:
        DataError: it is none of them.
    """
    if sample.ndim == 3 and sample.shape[2] in (1, 3):
        axes.imshow(sample.astype("uint8").squeeze(), cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
    elif sample.ndim == 1 or (sample.ndim == 2 and sample.shape[1] == 1):
        axes.plot(sample.reshape(-1), linewidth=1)
    else:
        raise DataError(f"Samples of shape {sample.shape} have no picture.")


def inputs_for(names: Sequence[str], inputs: Any) -> Any:
    """Of a dataset's inputs those that a model with inputs of these names takes.

    Args:
        names: of the model's inputs.
        inputs: one array, which is given back as it is; or a dict of arrays by name.

    Returns: the array, or the only one of that name; a dict where the model takes several.

    Raises:
        DataError: one of the names is not among the inputs.

    >>> inputs_for(["source"], {"source": [1], "prefix": [2]})
    [1]
    """
    if not isinstance(inputs, dict):
        return inputs
    chosen = {name: inputs[name] for name in names if name in inputs}
    if len(chosen) < len(names):
        raise DataError(f"The model takes {list(names)}. Received: {sorted(inputs)}.")
    return next(iter(chosen.values())) if len(chosen) == 1 else chosen


def text_of(data: Dataset | None, numbers: np.ndarray) -> str:
    """What numbers of words or pieces say; the numbers themselves, without padding, for a dataset
    of another kind."""
    if data is None or data.text is None:
        return " ".join(str(int(number)) for number in numbers if number != PADDING)
    return data.text(numbers)


def labels_or_numbers(data: Dataset | None, count: int) -> list[str]:
    """The class names of a zoo model's dataset; numbers after another head."""
    names = None if data is None else data.labels(count)
    return names or [str(number) for number in range(count)]


def is_distribution(outputs: np.ndarray) -> bool:
    """Whether all rows are probabilities already, and not logits: from 0 to 1, the sum is 1.

    In files of 8 bits they are rounded to 1/256, half of which the sum may err by for each class.
    """
    import numpy as np

    error = max(1e-2, outputs.shape[-1] / 512)
    return bool(
        np.all((outputs >= 0) & (outputs <= 1 + 1e-2))
        and np.all(np.abs(outputs.sum(axis=-1) - 1) <= error)
    )
