"""mixup and CutMix inside the training step, where samples and targets of any kind are at hand."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.errors import unknown_name
from kerazoo.training.steps._mixing import cutmix, draw_share, mixup
from kerazoo.training.steps._wrapper import TrainStepWrapper

_METHODS = {"mixup": mixup, "cutmix": cutmix}


@keras.saving.register_keras_serializable(package="kerazoo")
class MixedSampleAugment(TrainStepWrapper):
    """Trains on mixtures of two samples, and on the targets of both.

    Every batch x, y is paired with itself in another order x', y'; one share s is drawn per batch
    from Beta(alpha, alpha) (as in both papers' code), and with L the compiled loss the step
    minimises::

        s * L(y, model(mixed)) + (1 - s) * L(y', model(mixed))

    mixup (arXiv:1710.09412): mixed = s * x + (1 - s) * x'. CutMix (arXiv:1905.04899): mixed = x
    with a box from x', of a 1 - s of the area; s is then what the box really left.

    `keras.layers.MixUp` and `CutMix` work on dicts of images and one-hot labels in an input
    pipeline. This takes inputs of any shape and number (mixup), sequences and volumes too (CutMix),
    and any targets, since the losses are mixed and not the targets: integer labels with a sparse
    loss, several outputs, sample weights. For crossentropies that is the loss of mixed one-hot
    targets; for the squared error it differs by a constant, with the same gradient.

    Args:
        model: any `keras.Model`; `wrapper.model` is it, trained.
        method: "mixup", for floating and uint8 inputs; or "cutmix", for one input of shape
            `(batch, ..., channels)`.
        alpha: 0 or more; 0 mixes nothing, 1 draws s evenly. The papers: mixup 0.2 on ImageNet and 1
            on CIFAR, CutMix 1.
        seed: int, of shares, pairs and boxes.

    The compiled metrics see the target of the larger share. Where a model has several outputs, the
    loss that Keras reports for each of them is the plain mean over both targets; "loss" is exact.

    Raises:
        ConfigError: `alpha` is no number of 0 or more.
        UnknownNameError: `method` is neither name.
        DataError: inputs that cannot be mixed, at the first batch.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    >>> wrapper = MixedSampleAugment(net, "mixup", alpha=0.2, seed=0)
    >>> wrapper.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> history = wrapper.fit(np.eye(4), np.array([0, 1, 2, 0]), verbose=0).history
    >>> sorted(history)
    ['accuracy', 'loss']
    """

    def __init__(
        self,
        model: keras.Model,
        method: str = "mixup",
        alpha: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(model, **kwargs)
        if method not in _METHODS:
            raise unknown_name("method", method, _METHODS)
        self.method, self.alpha = method, check_number("alpha", alpha, least=0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def training_loss(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        mixed, share, partner = self.mix(x)
        others = keras.tree.map_structure(
            lambda tensor: None if tensor is None else ops.take(tensor, partner, axis=0),
            (y, sample_weight),
        )
        y_pred = self(mixed, training=True)
        loss = share * self.compute_loss(mixed, y, y_pred, sample_weight)
        loss += (1 - share) * self.compute_loss(mixed, others[0], y_pred, others[1])
        larger = keras.tree.map_structure(
            lambda own, other: None if own is None else ops.where(share >= 0.5, own, other),
            (y, sample_weight),
            others,
        )
        return loss, (larger[0], y_pred, larger[1])

    def mix(self, x: Any) -> tuple[Any, Any, Any]:
        """`(mixed, share, partner)`: what each sample keeps, and the number of its partner."""
        x = keras.tree.map_structure(ops.convert_to_tensor, x)
        samples = ops.shape(keras.tree.flatten(x)[0])[0]
        share = draw_share(self.alpha, self.seed_generator)
        partner = keras.random.shuffle(ops.arange(samples), seed=self.seed_generator)
        mixed, share = _METHODS[self.method](x, partner, share, self.seed_generator)
        return mixed, share, partner

    def get_config(self) -> dict[str, Any]:
        own = {"method": self.method, "alpha": self.alpha, "seed": self.seed}
        return {**super().get_config(), **own}
