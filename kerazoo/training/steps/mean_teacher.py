"""Mean Teacher (Tarvainen, Valpola 2017, arXiv:1703.01780)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError, DataError
from kerazoo.layers._copy_weights import copy_weights
from kerazoo.training.steps._probabilities import check_from_logits, log_probabilities
from kerazoo.training.steps._wrapper import TrainStepWrapper


@keras.saving.register_keras_serializable(package="kerazoo")
class MeanTeacher(TrainStepWrapper):
    """Trains a classifier on few labels and many samples without one, which carry the label -1.

    The teacher's weights are the moving average of the model's. On every sample, labelled or not,
    the model shall say what the teacher says of another view of it (other dropout, other
    augmentation)::

        L(labelled) + w(t) * mean over samples and classes of (model(view) - teacher(view'))^2
        w(t) = consistency_weight * exp(-5 * (1 - min(t / ramp_up_steps, 1))^2)
        teacher <- a * teacher + (1 - a) * model,   a = min(1 - 1 / (t + 1), decay)

    of class probabilities, with L the compiled loss and t the optimizer's count of steps. L is
    summed over the labelled and divided by all samples of the batch, as in the authors' code: with
    half of a batch labelled it counts half. The teacher moves whenever t does: where gradients are
    accumulated over batches, with the last of them.

    Args:
        model: a classifier with one output, `(batch, classes)`, or `(batch, 1)` for two classes;
            `wrapper.model` is it, trained. `wrapper.teacher`, a plain Keras model too, is often
            better.
        decay: of the moving average, 0 to below 1.
        consistency_weight: 0 or more; the paper's is 100 (CIFAR-10, SVHN).
        ramp_up_steps: steps until the full weight, 0 or more; 0 starts with it.
        augmentation: Keras layer or model, called twice with `training=True`; None leaves the noise
            to the model's dropout.
        from_logits: whether the outputs are logits, as in the compiled loss.

    Data: `(x, y)` or `(x, y, sample_weight)` with integer labels, `(batch,)` or `(batch, 1)`;
    `fit` takes weights of classes, too, which do not concern samples without a label.
    `evaluate` leaves out samples with the label -1, too. Metrics are compiled as weighted
    ones, so that they do. Reports "consistency_loss", the mean square before w(t).

    BatchNormalization: the teacher averages the moving statistics like weights and uses them, where
    the authors' teacher collects its own from each batch. Weights of integers are copied.

    Raises:
        ConfigError: an argument is out of range; `augmentation` is no Keras layer; `from_logits` is
            not that of the compiled loss; `model` holds weights below float32, in which an average
            stands still.
        DataError: labels of a shape other than `(batch,)` or `(batch, 1)`, such as one-hot ones;
            weights of both classes and samples.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> layers = keras.layers.Dropout(0.5), keras.layers.Dense(3)
    >>> net = keras.Sequential([keras.Input((4,)), *layers])
    >>> wrapper = MeanTeacher(net, ramp_up_steps=100, from_logits=True)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> wrapper.compile("sgd", loss, metrics=["accuracy"])
    >>> history = wrapper.fit(np.eye(4), np.array([0, 1, -1, -1]), verbose=0).history
    >>> sorted(history)
    ['accuracy', 'consistency_loss', 'loss']
    """

    step_losses: ClassVar = ("consistency_loss",)

    def __init__(
        self,
        model: keras.Model,
        decay: float = 0.999,
        consistency_weight: float = 100.0,
        ramp_up_steps: int = 0,
        augmentation: keras.layers.Layer | None = None,
        from_logits: bool = False,
        **kwargs: Any,
    ):
        super().__init__(model, **kwargs)
        _check_precision(model)
        if not (augmentation is None or isinstance(augmentation, keras.layers.Layer)):
            raise ConfigError(
                f"`augmentation` must be a Keras layer or model, or None. Received: "
                f"{augmentation!r}. Put several into keras.Sequential([...])."
            )
        self.decay = check_number("decay", decay, least=0, below=1)
        self.consistency_weight = check_number("consistency_weight", consistency_weight, least=0)
        self.ramp_up_steps = check_integer("ramp_up_steps", ramp_up_steps, least=0)
        self.from_logits, self.augmentation = from_logits, augmentation
        with keras.name_scope("teacher"):  # so that no two variables have the same path
            self.teacher = keras.models.clone_model(model)
        self.teacher.trainable = False
        copy_weights(model, self.teacher)
        weights = {id(weight) for weight in self.teacher.weights}
        for variable in self.teacher.variables:
            if id(variable) not in weights:  # other noise than the model's, also with fixed seeds
                variable.assign(keras.ops.add(variable, [0, 2**30]))

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """As of any model, but `metrics` are weighted ones: what has no label weighs 0."""
        given = keras.tree.flatten([metrics, weighted_metrics])  # dicts: by the one output's name
        weighted = [metric for metric in given if metric is not None] or None
        super().compile(optimizer, loss, loss_weights, weighted_metrics=weighted, **kwargs)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As of any model. In a `tf.data.Dataset` Keras would look up the weight of class -1."""
        import tensorflow as tf

        class_weight = kwargs.get("class_weight")
        if class_weight and isinstance(x, tf.data.Dataset):
            x, kwargs["class_weight"] = _weighted_by_class(x, class_weight), None
        return super().fit(x, *args, **kwargs)

    def training_loss(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        import tensorflow as tf

        check_from_logits(self.loss, self.from_logits)
        y_pred = self(self._view(x), training=True)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        target = tf.stop_gradient(self._probabilities(self.teacher(self._view(x), training=True)))
        consistency = keras.losses.MeanSquaredError()(target, self._probabilities(y_pred))
        self.record_loss(consistency, x, "consistency_loss")
        return loss + self._ramped_weight() * consistency, (y, y_pred, sample_weight)

    def train_step(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        before = tf.identity(self.optimizer.iterations)
        logs = super().train_step(data)
        self._follow(self.optimizer.iterations > before)
        return logs

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        y, sample_weight = _known(y, sample_weight)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y, sample_weight = _known(y, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _view(self, x: Any) -> Any:
        return x if self.augmentation is None else self.augmentation(x, training=True)

    def _probabilities(self, outputs: Any) -> Any:
        return keras.ops.exp(log_probabilities(outputs, self.from_logits))

    def _ramped_weight(self) -> Any:
        if not self.ramp_up_steps:
            return self.consistency_weight
        step = keras.ops.cast(self.optimizer.iterations, "float32")
        progress = keras.ops.minimum(step / self.ramp_up_steps, 1.0)
        return self.consistency_weight * keras.ops.exp(-5 * (1 - progress) ** 2)

    def _follow(self, is_updated: Any) -> None:
        """Move the teacher towards the model, if that has just been updated: it is not while
        gradients are accumulated, nor where they overflow."""
        step = keras.ops.cast(self.optimizer.iterations, "float32")
        decay = keras.ops.minimum(1 - 1 / (step + 1), self.decay)
        share = keras.ops.where(is_updated, 1 - decay, 0.0)
        for mine, its in zip(self.teacher.weights, self.model.weights, strict=True):
            if keras.backend.is_float_dtype(mine.dtype):
                mine.assign(mine + keras.ops.cast(share, mine.dtype) * (its - mine))
            else:  # counters and quantised kernels have no average
                mine.assign(keras.ops.where(is_updated, its, mine))

    def get_config(self) -> dict[str, Any]:
        names = ("decay", "consistency_weight", "ramp_up_steps", "from_logits")
        own = {name: getattr(self, name) for name in names}
        augmentation = keras.saving.serialize_keras_object(self.augmentation)
        return {**super().get_config(), **own, "augmentation": augmentation}


def _known(y: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Labels that are valid everywhere, and weights that are 0 where there was none."""
    if not _is_one_label(y):
        raise DataError(
            f"`MeanTeacher` wants integer labels, (batch,) or (batch, 1), -1 for unlabelled. "
            f"Received: {_shape(y)}. Turn one-hot labels into integers by argmax."
        )
    labelled = keras.ops.reshape(y, (-1,)) >= 0
    weight = keras.ops.cast(labelled, "float32")
    if sample_weight is not None:
        weight *= keras.ops.reshape(keras.ops.cast(sample_weight, "float32"), (-1,))
    return keras.ops.maximum(y, 0), weight


def _weighted_by_class(data: Any, class_weight: dict[int, float]) -> Any:
    """Batches with a weight for each sample; a class that is not named weighs 1."""
    import tensorflow as tf

    if len(data.element_spec) > 2:
        raise DataError(
            "`MeanTeacher` takes weights of classes or of samples. Received: both. Multiply the "
            "samples' weights by those of their classes."
        )
    unnamed = max(class_weight) + 1
    weights = tf.constant([float(class_weight.get(label, 1)) for label in range(unnamed + 1)])

    def weigh(x: Any, y: Any) -> tuple[Any, Any, Any]:
        labels = tf.cast(tf.reshape(y, [-1]), tf.int32)  # -1 may have any weight here
        return x, y, tf.gather(weights, tf.clip_by_value(labels, 0, unnamed))

    return data.map(weigh)


def _is_one_label(y: Any) -> bool:
    shape = _shape(y)
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _shape(y: Any) -> tuple[int | None, ...]:
    return tuple(getattr(y, "shape", ()))


def _check_precision(model: keras.Model) -> None:
    for weight in model.weights:
        if weight.dtype in ("float16", "bfloat16"):
            raise ConfigError(
                f"`model` must hold its weights in float32: in {weight.dtype} the average's small "
                f"steps are rounded away. Received: {weight.path} in {weight.dtype}. Use the "
                f"policy 'mixed_{weight.dtype}'."
            )
