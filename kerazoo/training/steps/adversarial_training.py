"""Adversarial training: FGSM (Goodfellow, Shlens, Szegedy 2015, arXiv:1412.6572) and PGD (Madry,
Makelov, Schmidt, Tsipras, Vladu 2018, arXiv:1706.06083)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from kerazoo.argument_checks import check_integer, check_number
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
        clip_range: `(low, high)` of valid inputs, both finite, as (0, 255) for pixels; None does
            not clip.
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
        self.epsilon = check_number("epsilon", epsilon, least=0)
        self.steps = check_integer("steps", steps)
        self.step_size = (
            None if step_size is None else check_number("step_size", step_size, above=0)
        )
        self.random_start, self.seed = random_start, seed
        self.clip_range = None if clip_range is None else _low_and_high(clip_range)
        self.clean_weight = check_number("clean_weight", clean_weight, least=0, below=1)
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


def _low_and_high(clip_range: Any) -> tuple[float, float]:
    is_pair = isinstance(clip_range, list | tuple) and len(clip_range) == 2
    if is_pair:
        low, high = (check_number("clip_range", bound) for bound in clip_range)
        if low < high:
            return low, high
    raise ConfigError(
        f"`clip_range` must be (low, high) with low < high, or None. Received: {clip_range!r}. "
        f"Pixels have (0, 255)."
    )
