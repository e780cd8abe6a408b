"""Recommendation by two towers: a history of what a user chose in, a score of every item out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.errors import DataError
from kerazoo.tasks.item_titles import items_called
from kerazoo.tasks.prediction import Prediction
from kerazoo.tasks.task import Task

if TYPE_CHECKING:
    import keras

    from kerazoo.datasets import Dataset

K = 10
"""Items of a list that is judged."""
SEEN = -2.0
"""The score of what is in the history; those of all others are cosines, -1 to 1."""


class Recommendation(Task):
    """Models with the inputs `history` and `item`, and layers `user_tower` and `item_tower`."""

    measures = (f"ndcg_{K}", f"precision_{K}")
    is_decoded = True

    def deployed(self, model: keras.Model, data: Dataset) -> keras.Model:
        """`(batch, items)` of 1 for what was chosen, to the cosine of every item with the user; the
        chosen have -2. The item vectors are computed now and are a fixed matrix from then on."""
        import keras
        from keras import ops

        names = {layer.name for layer in model.layers}
        if not {"user_tower", "item_tower"} <= names:
            raise DataError(f"{model.name!r} has no user_tower and item_tower. It has {names}.")
        user_tower = model.get_layer("user_tower")
        items = user_tower.input_shape[-1]
        vectors = model.get_layer("item_tower").predict(np.arange(items), verbose=0)
        history = keras.Input((items,), name="history")
        cosine = keras.layers.Dense(items, use_bias=False, dtype="float32", name="cosine")
        scores = cosine(user_tower(history))
        cosine.set_weights([vectors.T])
        answer = ops.where(history > 0, SEEN, scores)
        return keras.Model(history, answer, name=f"{model.name}_deployed")

    def score(self, outputs: np.ndarray, targets: Any, data: Dataset) -> dict[str, float]:
        """Figures over users. Targets: rows of user and item; a user's answers are all alike, so
        those of the first row stand for all, and the items of the rows are the relevant ones."""
        from kerazoo.metrics import NDCG, PrecisionAtK

        _, first, numbers = np.unique(targets[:, 0], return_index=True, return_inverse=True)
        relevant = np.zeros((len(first), outputs.shape[1]), np.float32)
        relevant[numbers.reshape(-1), targets[:, 1]] = 1
        metrics = NDCG(k=K, name=f"ndcg_{K}"), PrecisionAtK(k=K, name=f"precision_{K}")
        for metric in metrics:
            metric.update_state(relevant, outputs[first])
        return {metric.name: float(metric.result()) for metric in metrics}

    def sample(self, text: str, data: Dataset) -> np.ndarray:
        """A history from what the dataset takes, numbers, or from titles where its file of them is
        here."""
        if data.item_names is None or re.fullmatch(r"[-\d\s,.]*", text):
            return super().sample(text, data)
        names = data.item_names()
        if names is None:
            raise DataError(
                f"Titles are known where the files of {data.name} are, and they are not here: give "
                f"numbers. Received: {text!r}."
            )
        history = np.zeros(len(names), np.uint8)
        history[items_called(text, names)] = 1
        return history

    def prediction(
        self, source: str, output: np.ndarray, data: Dataset | None, top: int
    ) -> Prediction:
        """The items with the highest scores, by title where the dataset's files are here."""
        label = _labels(data)
        best = np.argsort(-output, kind="stable")[:top]
        scores = {label(int(item)): float(output[item]) for item in best if output[item] > SEEN}
        text = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
        return Prediction(source, scores, [], text=text)

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """A bar for each of the ten best items."""
        scores = self.prediction("", output, data, top=K).scores
        axes.barh(list(scores), list(scores.values()))
        axes.invert_yaxis()
        axes.set_xlabel("score")
        axes.set_title(f"after {int((sample > 0).sum())} items")


def _labels(data: Dataset | None) -> Callable[[int], str]:
    """From an item's index to what to call it."""
    names = None if data is None or data.item_names is None else data.item_names()
    if names is None:
        return lambda item: f"item {item + 1}"
    return lambda item: names[item]


TASK = Recommendation()
