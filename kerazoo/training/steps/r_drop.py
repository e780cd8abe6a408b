"""R-Drop (Liang, Wu, Li, Wang, Meng, Qin, Chen, Zhang, Liu 2021, arXiv:2106.14448)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from kerazoo.argument_checks import check_number
from kerazoo.training.steps._probabilities import check_classes, check_from_logits
from kerazoo.training.steps._symmetric_divergence import SymmetricDivergence
from kerazoo.training.steps._wrapper import TrainStepWrapper


@keras.saving.register_keras_serializable(package="kerazoo")
class RDrop(TrainStepWrapper):
    """Makes the predictions of a classifier under two dropout masks agree.

    Each batch goes through the model twice, giving class probabilities p and q; with L the compiled
    loss the step minimises::

        (L(p) + L(q)) / 2 + alpha * (KL(p || q) + KL(q || p)) / 2

    KL in nats, summed over the classes, averaged over the batch (over the unmasked steps of
    sequences), weighted by `sample_weight`; summed over the outputs of a model with several.

    Args:
        model: a classifier with dropout; `wrapper.model` is it, trained.
        alpha: weight of the divergence, 0 or more. The paper's formula adds the two losses, its
            code takes their mean, as here: half the formula's alpha does the same.
        from_logits: whether the outputs are logits, as in the compiled loss; `(..., classes)`, or
            `(..., 1)` for two classes. Several labels at once are an output `(..., 1)` for each.

    Reports "kl_loss", the divergence before `alpha`. The second pass leaves no trace in
    BatchNormalization's statistics, which are updated once a step.

    Raises:
        ConfigError: `alpha` is no number of 0 or more; `from_logits` is not that of the compiled
            loss; a binary crossentropy is compiled for an output of several columns.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> layers = keras.layers.Dropout(0.5), keras.layers.Dense(3)
    >>> net = keras.Sequential([keras.Input((4,)), *layers])
    >>> wrapper = RDrop(net, alpha=1.0, from_logits=True)
    >>> wrapper.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = wrapper.fit(np.ones((8, 4)), np.zeros(8), verbose=0).history
    >>> sorted(history), history["kl_loss"][0] > 0
    (['kl_loss', 'loss'], True)
    """

    step_losses: ClassVar = ("kl_loss",)

    def __init__(
        self, model: keras.Model, alpha: float = 1.0, from_logits: bool = False, **kwargs: Any
    ):
        super().__init__(model, **kwargs)
        self.alpha, self.from_logits = check_number("alpha", alpha, least=0), from_logits

    def training_loss(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        check_from_logits(self.loss, self.from_logits)
        y_pred = self(x, training=True)
        check_classes(self.loss, y_pred, getattr(self, "output_names", []))
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        with self.without_updates() as scope:
            again = self(x, training=True)
            loss_again = self.compute_loss(x, y, again, sample_weight)
        for state in self.random_states:  # its dropout masks are used up, though
            state.assign(scope.get_current_value(state))
        divergence = self._divergence(y_pred, again, sample_weight)
        self.record_loss(divergence, x, "kl_loss")
        return (loss + loss_again) / 2 + self.alpha * divergence, (y, y_pred, sample_weight)

    def _divergence(self, y_pred: Any, again: Any, sample_weight: Any) -> Any:
        divergence = SymmetricDivergence(self.from_logits)
        pairs = list(zip(keras.tree.flatten(y_pred), keras.tree.flatten(again), strict=True))
        weights = keras.tree.flatten(sample_weight)
        if len(weights) < len(pairs):  # as Keras: one weight for all outputs
            weights = weights[:1] * len(pairs)
        return sum(divergence(p, q, weight) for (p, q), weight in zip(pairs, weights, strict=True))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "from_logits": self.from_logits}
