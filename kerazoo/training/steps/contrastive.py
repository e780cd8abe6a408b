"""Contrastive pre-training without labels: SimCLR (Chen, Kornblith, Norouzi, Hinton 2020)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.errors import ConfigError
from kerazoo.training.steps._nt_xent import nt_xent
from kerazoo.training.steps._wrapper import TrainStepWrapper


@keras.saving.register_keras_serializable(package="kerazoo")
class Contrastive(TrainStepWrapper):
    """Teaches an encoder to know two augmented views of one sample from those of all others.

    Each sample of a batch gives two views; the encoder and a projection head turn the 2 N views
    into vectors z, and the step minimises the mean over views i, with j the other view of i's
    sample::

        -log( exp(s(z_i, z_j) / T) / sum over k != i of exp(s(z_i, z_k) / T) ),   s the cosine

    Source: arXiv:2002.05709, equation 1 (NT-Xent). Large batches are better: they hold more
    negatives.

    Args:
        model: the encoder, samples to vectors `(batch, features)`; `wrapper.model` is it, trained.
        projection_head: Keras layer or model, features to `(batch, units)`; used for training only.
            The paper's is Dense(features, "relu"), then Dense(128).
        augmentation: Keras layer or model, called on the inputs with `training=True`, twice a
            batch.
        temperature: T, above 0; the paper uses 0.1 to 0.5.

    Data: `x`, `(x, y)` or `(x, y, sample_weight)`; labels are not used. Compile with an optimizer
    and without loss. Reports "loss" and "contrastive_accuracy": the fraction of views to which
    their sample's other view is the nearest. `evaluate` does, too, by the model in inference mode,
    with the same draws for every batch, and leaves no trace in the augmentation's seeds.
    Both views go through the encoder as one batch, as in the paper's code. On several replicas the
    negatives are those of the global batch.

    Raises:
        ConfigError: `temperature` is not above 0; a part is no Keras layer; a loss or metrics are
            compiled.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> encoder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu")])
    >>> wrapper = Contrastive(encoder, keras.layers.Dense(4), keras.layers.GaussianNoise(0.1))
    >>> wrapper.compile("adam")
    >>> history = wrapper.fit(np.eye(8), verbose=0).history
    >>> sorted(history), wrapper.predict(np.eye(8), verbose=0).shape
    (['contrastive_accuracy', 'loss'], (8, 16))
    """

    def __init__(
        self,
        model: keras.Model,
        projection_head: keras.layers.Layer,
        augmentation: keras.layers.Layer,
        temperature: float = 0.1,
        **kwargs: Any,
    ):
        super().__init__(model, **kwargs)
        parts = {"projection_head": projection_head, "augmentation": augmentation}
        for name, part in parts.items():
            if not isinstance(part, keras.layers.Layer):
                raise ConfigError(
                    f"`{name}` must be a Keras layer or model. Received: {part!r}. Put several "
                    f"into keras.Sequential([...])."
                )
        self.projection_head, self.augmentation = projection_head, augmentation
        self.temperature = check_number("temperature", temperature, above=0)
        self.contrastive_accuracy = keras.metrics.Mean(name="contrastive_accuracy")
        if hasattr(model, "output_shape") and not projection_head.built:
            projection_head.build(model.output_shape)  # now: a replica cannot make variables

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """As of any model, but without losses and metrics: there is no target to compare with.

        Raises:
            ConfigError: there are some.
        """
        given = [value for value in (loss, loss_weights, metrics, weighted_metrics) if value]
        if given:
            raise ConfigError(
                f"`Contrastive` must be compiled without loss and metrics: it brings its own. "
                f"Received: {given}. Measure a classifier on `wrapper.model` with them."
            )
        super().compile(optimizer, **kwargs)

    def training_loss(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        return self._contrast(self._views(x), sample_weight, training=True), (None, None, None)

    def test_step(self, data: Any) -> dict[str, Any]:
        x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with self.without_updates():  # draws that training has still to make
            views = self._views(x)
        self.record_loss(self._contrast(views, sample_weight, training=False), x)
        return self.get_metrics_result()

    def _views(self, x: Any) -> Any:
        """All first views, then all second ones."""
        first, second = (self.augmentation(x, training=True) for _ in range(2))
        return keras.tree.map_structure(lambda *both: ops.concatenate(both), first, second)

    def _contrast(self, views: Any, sample_weight: Any, training: bool) -> Any:
        """This replica's share of the loss of a batch; of an empty one, that of the penalties."""
        projections = self.projection_head(self(views, training=training), training=training)
        # Now: while replicas wait for each other below, the next one's call replaces these.
        penalty = sum(ops.cast(ops.sum(loss), "float32") for loss in self.losses)
        losses, hits = nt_xent(projections, self.temperature)
        self.contrastive_accuracy.update_state(hits)
        if sample_weight is not None:
            losses *= ops.tile(ops.cast(ops.reshape(sample_weight, (-1,)), "float32"), 2)
        count = ops.cast(ops.shape(losses)[0], "float32")
        return (ops.sum(losses) / ops.maximum(count, 1.0) + penalty) / self.replicas_in_sync

    def get_config(self) -> dict[str, Any]:
        parts = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("projection_head", "augmentation")
        }
        return {**super().get_config(), **parts, "temperature": self.temperature}
