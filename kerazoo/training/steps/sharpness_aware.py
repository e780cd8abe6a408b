"""Sharpness-aware minimization (Foret, Kleiner, Mobahi, Neyshabur 2021, arXiv:2010.01412).

The adaptive form is that of Kwon, Kim, Park, Choi 2021 (arXiv:2102.11600).
"""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.argument_checks import check_number
from kerazoo.training.steps._wrapper import TrainStepWrapper


@keras.saving.register_keras_serializable(package="kerazoo")
class SharpnessAware(TrainStepWrapper):
    """Steps along the gradient of the loss at the worst weights nearby, instead of at the weights.

    With L the compiled loss, w the trainable weights and g the gradient of L at w::

        e = rho * g / ||g||                       (adaptive: e = rho * w^2 g / || |w| g ||)
        w <- optimizer(w, gradient of L at w + e)

    The norm runs over all trainable weights together. Twice the time of a plain step.

    Args:
        model: any `keras.Model`; `wrapper.model` is it, trained.
        rho: radius, 0 or more, in the unit of the weights; 0 is the plain step. The paper uses 0.05
            (CIFAR, ImageNet); the adaptive form wants about ten times as much.
        adaptive: measure the radius relative to the size of each weight (ASAM). The authors' code
            (SamsungLabs/ASAM) adds 0.01 to |w| and takes 1 for biases. Here |w| is that of all
            weights and nothing is added: what is 0 is not perturbed.

    Reported loss and metrics are those at w. The second pass sees the same dropout masks as the
    first and leaves no trace: BatchNormalization's moving statistics are updated once a step, from
    the pass at w, as in the common PyTorch implementation (davda54/sam).

    On several replicas the gradient is summed over them before e is made, so that their number does
    not change the numbers. (The paper's m-SAM lets each replica perturb by its own part of the
    batch.)

    Raises:
        ConfigError: `rho` is no number of 0 or more; `model` is no model, or has a step of its own.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> x, y = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])
    >>> line = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    >>> line.set_weights([np.array([[0.0]])])
    >>> wrapper = SharpnessAware(line, rho=0.1)
    >>> wrapper.compile(keras.optimizers.SGD(0.1), "mse")
    >>> _ = wrapper.fit(x, y, verbose=0)  # gradient at w + e = -0.1: 5 * (-0.1 - 2) = -10.5
    >>> round(float(wrapper.model.get_weights()[0][0, 0]), 4)
    1.05
    """

    def __init__(
        self, model: keras.Model, rho: float = 0.05, adaptive: bool = False, **kwargs: Any
    ):
        super().__init__(model, **kwargs)
        self.rho, self.adaptive = check_number("rho", rho, least=0), adaptive

    def train_step(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        weights = self.trainable_variables
        seeds = [tf.identity(state) for state in self.random_states]
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss)
        worst = self._worst_nearby(weights, tape.gradient(scaled_loss, weights))
        with tf.GradientTape() as tape, self.without_updates(worst, seeds):
            tape.watch(worst)
            worst_loss = self.compute_loss(x, y, self(x, training=True), sample_weight)
            scaled_loss = self.optimizer.scale_loss(worst_loss)
        gradients = tape.gradient(scaled_loss, worst)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        self.record_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def _worst_nearby(self, weights: list[Any], gradients: list[Any]) -> list[Any]:
        """w + e. A loss scale in the gradients falls out of e."""
        import tensorflow as tf

        weights = [tf.convert_to_tensor(weight) for weight in weights]
        gradients = [
            tf.zeros_like(weight) if gradient is None else tf.convert_to_tensor(gradient)
            for weight, gradient in zip(weights, gradients, strict=True)
        ]
        gradients = tf.distribute.get_replica_context().all_reduce("sum", gradients)
        sizes = [tf.abs(weight) if self.adaptive else 1.0 for weight in weights]
        steps = [size * gradient for size, gradient in zip(sizes, gradients, strict=True)]
        scale = self.rho / tf.maximum(tf.linalg.global_norm(steps), 1e-12)
        return [w + scale * s * d for w, s, d in zip(weights, sizes, steps, strict=True)]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "adaptive": self.adaptive}
