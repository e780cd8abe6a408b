"""A metric of one's own, and precision at k for each class.

    python examples/custom_metric.py

`kerazoo.metrics.PrecisionAtK` counts hits among the k best; a subclass of Keras's Metric keeps what
it needs in variables, so that it counts over batches, workers and checkpoints alike.
"""

import keras
import numpy as np
from keras import ops

import kerazoo


@keras.saving.register_keras_serializable(package="examples")
class HitsPerClass(keras.metrics.Metric):
    """Of each class, the share of its samples that have it among the k best scores."""

    def __init__(self, num_classes: int, k: int = 1, name: str = "hits_per_class", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes, self.k = num_classes, k
        self.hits = self.add_weight(shape=(num_classes,), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(num_classes,), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        classes = ops.one_hot(labels, self.num_classes)
        if sample_weight is not None:
            classes *= ops.reshape(ops.cast(sample_weight, classes.dtype), (-1, 1))
        hit = ops.cast(ops.in_top_k(labels, y_pred, k=self.k), classes.dtype)
        self.seen.assign_add(ops.sum(classes, axis=0))
        self.hits.assign_add(ops.sum(classes * hit[:, None], axis=0))

    def result(self):
        return ops.divide_no_nan(self.hits, self.seen)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "k": self.k}


if __name__ == "__main__":
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    logits = kerazoo.get("mnist_mlp").predict(images, verbose=0)

    for k in (1, 2):
        metric = HitsPerClass(10, k=k)
        for start in range(0, len(labels), 100):
            metric.update_state(labels[start : start + 100], logits[start : start + 100])
        print(f"among the {k} best:", np.round(np.asarray(metric.result()), 2))

    relevant = np.eye(10)[labels]
    precision = kerazoo.metrics.PrecisionAtK(k=2)
    precision.update_state(relevant, logits)
    print(f"PrecisionAtK(k=2) {float(precision.result()):.4f}: one of two at best, as there is one")
    for digit in range(3):
        own = labels == digit
        precision.reset_state()
        precision.update_state(relevant[own], logits[own])
        print(f"  of the digit {digit}: {float(precision.result()):.4f}")
