"""Translation: a sentence in, a sentence out, judged by BLEU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.datasets.multi30k import prefix_of
from kerazoo.datasets.subwords import END, PADDING, START
from kerazoo.metrics import BLEU
from kerazoo.models.translator import Steps
from kerazoo.tasks.prediction import Prediction
from kerazoo.tasks.sequence_search import Marks, beam_search, greedy_search
from kerazoo.tasks.task import Task, text_of

if TYPE_CHECKING:
    from kerazoo.datasets import Dataset

_MARKS = Marks(PADDING, START, END)


@keras.saving.register_keras_serializable(package="kerazoo")
class Translate(layers.Layer):
    """The pieces of a source, int32 `(batch, m)`, to those of its translation, `(batch, length)`.

    Args:
        model: of `kerazoo.models.translator`; is asked piece by piece.
        length: most pieces of a translation, its end among them.
        beams: beginnings that are kept; 1: the likeliest piece follows.
        penalty: of short translations, 0 or more; see `sequence_search.beam_search`.

    Raises: ConfigError for arguments out of range.
    """

    def __init__(
        self,
        model: keras.Model,
        length: int,
        beams: int = 1,
        penalty: float = 0.6,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.model, self.length = model, check_integer("length", length)
        self.beams = check_integer("beams", beams)
        self.penalty = check_number("penalty", penalty, least=0)
        self.supports_jit = False  # the loop ends early; XLA would compile it for each batch size
        self.steps = Steps(model, length)
        self.built = True

    def call(self, source):
        steps, batch = self.steps, ops.shape(source)[0]
        known = steps.read(source)
        if self.beams > 1:
            known = tuple(ops.repeat(tensor, self.beams, axis=0) for tensor in known)

        def step(pieces, position, cache):
            return steps.step(pieces, position, known, cache)

        cache = steps.empty_cache(batch * self.beams)
        sizes = {"batch": batch, "length": self.length, "marks": _MARKS}
        if self.beams == 1:
            return greedy_search(step, cache, **sizes)
        return beam_search(step, cache, **sizes, beams=self.beams, penalty=self.penalty)

    def compute_output_spec(self, source):
        return keras.KerasTensor((source.shape[0], self.length), "int32")

    def get_config(self):
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "length": self.length,
            "beams": self.beams,
            "penalty": self.penalty,
        }

    @classmethod
    def from_config(cls, config):
        model = keras.saving.deserialize_keras_object(config.pop("model"))
        return cls(model, **config)


def translating(
    model: keras.Model, length: int, *, beams: int = 1, penalty: float = 0.6
) -> keras.Model:
    """A model that translates, around one that was trained to: see `Translate`."""
    source = keras.Input((length,), dtype="int32", name="source")
    layer = Translate(model, length, beams, penalty, name="translation")
    return keras.Model(source, layer(source), name=f"{model.name}_deployed")


class Translation(Task):
    """The model is asked piece by piece, greedily with one beam; answers are numbers of pieces."""

    measures = ("bleu",)
    is_decoded = True

    def __init__(self, beams: int = 1):
        self.beams = check_integer("beams", beams)

    def with_beams(self, beams: int) -> Translation:
        return Translation(beams)

    def deployed(self, model: keras.Model, data: Dataset) -> keras.Model:
        return translating(model, _length(data), beams=self.beams)

    def score(self, outputs: np.ndarray, targets: Any, data: Dataset) -> dict[str, float]:
        """BLEU as "bleu", 0 to 1; times 100 it is what sacrebleu says by default: cased, tokenised
        as 13a, against the one reference, which is raw text."""
        metric = BLEU()
        metric.update_state(*([text_of(data, row) for row in rows] for rows in (targets, outputs)))
        return {"bleu": float(metric.result())}

    def prediction(
        self, source: str, output: np.ndarray, data: Dataset | None, top: int
    ) -> Prediction:
        return Prediction(source, {}, [], text=text_of(data, output))

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """Both sentences, one above the other."""
        for height, numbers, color in ((0.65, sample, "0.4"), (0.35, output, "0")):
            text = text_of(data, numbers)
            axes.text(0.5, height, text, ha="center", va="center", wrap=True, color=color)
        axes.set_axis_off()

    def draw_inside(
        self,
        axes: Any,
        sample: np.ndarray,
        output: np.ndarray,
        data: Dataset | None,
        model: keras.Model,
    ) -> None:
        """Where in the source the model looked to say each piece."""
        source, said = (numbers[numbers != PADDING] for numbers in (sample, output))
        steps = model.get_layer("translation").steps
        shares = steps.attention(source[None], prefix_of(said[None]))[0]
        axes.imshow(ops.convert_to_numpy(shares), cmap="Blues", vmin=0, aspect="auto")
        axes.set_xticks(range(len(source)), _pieces(source, data), rotation=60, ha="right")
        axes.set_yticks(range(len(said)), _pieces(said, data))


def _pieces(numbers: np.ndarray, data: Dataset | None) -> list[str]:
    return ["(end)" if n == END else text_of(data, np.array([n])).strip() for n in numbers]


def _length(data: Dataset) -> int:
    shape = data.input_shape
    return shape["source"][0] if isinstance(shape, dict) else shape[0]


TASK = Translation()
