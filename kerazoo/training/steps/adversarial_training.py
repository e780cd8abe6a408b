"""Adversarial training: FGSM (Goodfellow, Shlens, Szegedy 2015, arXiv:1412.6572) and PGD (Madry,
Makelov, Schmidt, Tsipras, Vladu 2018, arXiv:1706.06083)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from kerazoo.errors import ConfigError, DataError
from kerazoo.training.steps._wrapper import TrainStepWrapper


@keras.saving.register_keras_serializable(package="kerazoo")
class AdversarialTraining(TrainStepWrapper):
    """Trains on inputs that were changed, by `epsilon` at most, so as to raise the loss.

    With L the compiled loss, the batch x is attacked by `steps` repetitions of::

        x' <- x' + step_size * sign(gradient of L at x'), clipped to x - epsilon .. x + epsilon

    and the step minimises `clean_weight * L(x) + (1 - clean_weight) * L(x')`. One step without a
    random start is Goodfellow's FGSM; several steps from a random start are Madry's PGD, which
    takes `steps` times longer and also holds against stronger attacks.

    Args:
        model: any `keras.Model`; `wrapper.model` is it, trained.
        epsilon: largest change of an input value, 0 or more, in the unit of the inputs: 8 of pixels
            0..255 is 8 / 255 of pixels 0..1.
        steps: 1 or more.
        step_size: in the unit of the inputs; None is `epsilon` for one step, else Madry's
            2.5 * epsilon / steps.
        random_start: begin at a point drawn evenly from within epsilon of x.
        clip_range: `(low, high)` of valid inputs, as (0, 255) for pixels; None does not clip.
        clean_weight: from 0 (Madry: attacked samples only) to below 1; Goodfellow uses 0.5.
        seed: int, of the random start.

    Reports "adversarial_loss" beside the compiled ones; the compiled metrics see the predictions
    for the attacked samples. The attack runs the model in inference mode and leaves no trace in
    statistics or seeds (as in TRADES's code); both training passes are ordinary ones. Inputs of a
    floating dtype and of uint8 (pixels) are changed, each by up to `epsilon`; other integers
    (tokens) are not.

    Methods: `attack(x, y, sample_weight=None)` gives the changed inputs.

    Raises:
        ConfigError: an argument is out of its range.
        DataError: no input can be changed.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> line = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    >>> line.set_weights([np.array([[1.0], [-2.0]])])
    >>> wrapper = AdversarialTraining(line, epsilon=0.5)
    >>> wrapper.compile(keras.optimizers.SGD(0.1), "mse")
    >>> x, y = np.array([[3.0, 1.0]], "float32"), np.array([[0.0]])  # prediction 1: the loss grows
    >>> wrapper.attack(x, y).numpy().tolist()  # with the first and falls with the second input
    [[3.5, 0.5]]
    """

    step_losses: ClassVar = ("adversarial_loss",)

    def __init__(
        self,
        model: keras.Model,
        epsilon: float,
        steps: int = 1,
        step_size: float | None = None,
        random_start: bool = False,
        clip_range: tuple[float, float] | None = None,
        clean_weight: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(model, **kwargs)
        _check(epsilon, steps, step_size, clip_range, clean_weight)
        self.epsilon, self.steps, self.step_size = epsilon, steps, step_size
        self.random_start, self.clip_range = random_start, clip_range
        self.clean_weight, self.seed = clean_weight, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def training_loss(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        attacked = self.attack(x, y, sample_weight)
        loss = 0.0
        if self.clean_weight:
            loss = self.compute_loss(x, y, self(x, training=True), sample_weight)
        y_pred = self(attacked, training=True)
        adversarial_loss = self.compute_loss(attacked, y, y_pred, sample_weight)
        self.record_loss(adversarial_loss, x, "adversarial_loss")
        loss = self.clean_weight * loss + (1 - self.clean_weight) * adversarial_loss
        return loss, (y, y_pred, sample_weight)

    def attack(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        """The inputs `x`, of any structure, changed against `y`; uint8 becomes float32."""
        import tensorflow as tf

        start = keras.tree.map_structure(_as_input, x)
        if not any(tensor.dtype.is_floating for tensor in keras.tree.flatten(start)):
            dtypes = [tensor.dtype.name for tensor in keras.tree.flatten(start)]
            raise DataError(
                f"`AdversarialTraining` changes floating or uint8 inputs. Received: {dtypes}. Cast "
                f"them to float32."
            )
        attacked = keras.tree.map_structure(self._start, start)
        for _ in range(self.steps):
            signs = self._ascent(attacked, y, sample_weight)
            attacked = keras.tree.map_structure(self._move, start, attacked, signs)
        return keras.tree.map_structure(tf.stop_gradient, attacked)

    def _ascent(self, x: Any, y: Any, sample_weight: Any) -> Any:
        """The sign of the loss's gradient at every input; 0 where there is no gradient."""
        import tensorflow as tf

        inputs = keras.tree.flatten(x)
        with tf.GradientTape(watch_accessed_variables=False) as tape, self.without_updates():
            tape.watch([tensor for tensor in inputs if tensor.dtype.is_floating])
            loss = self.compute_loss(x, y, self(x, training=False), sample_weight, training=False)
            scaled_loss = self.optimizer.scale_loss(loss)  # float16 gradients of inputs are small
        gradients = tape.gradient(scaled_loss, inputs, unconnected_gradients="zero")
        return keras.tree.pack_sequence_as(x, [_sign(gradient) for gradient in gradients])

    def _start(self, x: Any) -> Any:
        import tensorflow as tf

        if not (self.random_start and x.dtype.is_floating):
            return x
        noise = keras.random.uniform(
            tf.shape(x), -self.epsilon, self.epsilon, x.dtype.name, seed=self.seed_generator
        )
        return self._clip(x, x + noise)

    def _move(self, x: Any, attacked: Any, sign: Any) -> Any:
        if not x.dtype.is_floating:
            return x
        step_size = self.step_size
        if step_size is None:
            step_size = self.epsilon if self.steps == 1 else 2.5 * self.epsilon / self.steps
        return self._clip(x, attacked + step_size * sign)

    def _clip(self, x: Any, attacked: Any) -> Any:
        attacked = keras.ops.clip(attacked, x - self.epsilon, x + self.epsilon)
        return attacked if self.clip_range is None else keras.ops.clip(attacked, *self.clip_range)

    def get_config(self) -> dict[str, Any]:
        names = ("epsilon", "steps", "step_size", "random_start", "clip_range", "clean_weight")
        own = {name: getattr(self, name) for name in (*names, "seed")}
        return {**super().get_config(), **own}


def _as_input(x: Any) -> Any:
    """A tensor; pixels as float32, so that they have a gradient."""
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    return tf.cast(x, tf.float32) if x.dtype == tf.uint8 else x


def _sign(gradient: Any) -> Any:
    """0 where an overflow in float16 left no number; of integers there is no gradient at all."""
    import tensorflow as tf

    if not gradient.dtype.is_floating:
        return gradient
    return tf.where(tf.math.is_nan(gradient), tf.zeros_like(gradient), tf.sign(gradient))


def _check(epsilon: Any, steps: Any, step_size: Any, clip_range: Any, clean_weight: Any) -> None:
    if epsilon < 0:
        raise ConfigError(f"`epsilon` must be 0 or more. Received: epsilon={epsilon}. 0 is off.")
    if not (isinstance(steps, int) and steps >= 1):
        raise ConfigError(
            f"`steps` must be a whole number from 1 on. Received: steps={steps}. 1 is FGSM."
        )
    if step_size is not None and step_size <= 0:
        raise ConfigError(
            f"`step_size` must be above 0, or None. Received: step_size={step_size}. "
            f"None is 2.5 * epsilon / steps."
        )
    if clip_range is not None and not (len(clip_range) == 2 and clip_range[0] < clip_range[1]):
        raise ConfigError(
            f"`clip_range` must be (low, high) with low < high, or None. Received: "
            f"clip_range={clip_range}. Pixels have (0, 255)."
        )
    if not 0 <= clean_weight < 1:
        raise ConfigError(
            f"`clean_weight` must be from 0 to below 1. Received: clean_weight={clean_weight}. "
            f"For clean samples alone train the model itself."
        )
