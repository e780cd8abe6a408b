"""Trains a student on labels and on what its teachers say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.distill._arguments import as_losses, as_weights, check_student
from kerazoo.distill._features import FINAL, Features
from kerazoo.distill._loss_sum import LossSum
from kerazoo.distill._replicas import replicas_in_sync
from kerazoo.distill._targets import split
from kerazoo.distill._teachers import Teachers
from kerazoo.errors import ConfigError, DataError


@keras.saving.register_keras_serializable(package="kerazoo")
class Distiller(keras.distillation.Distiller):
    """Minimises w * (the student's own loss) + (1 - w) * sum_i weight_i * (distillation loss i).

    w is `student_loss_weight`. The student's own loss is that of `compile`; regularisers of the
    student count in full, whatever w. Sample weights and masks count as in Keras, in the student's
    own loss and in those that compare logits sample by sample: `LogitsDistillation`,
    `DecoupledDistillation`. To losses between layers, and to `DIST`, all samples are alike.

    Args:
        teacher: a `keras.Model`, or a list of several. Outputs must be what the losses take: logits
            for all that compare final outputs. Run in inference mode and never trained; left as
            it is. None where the data carries the outputs (`kerazoo.distill.cache_teacher`); even
            with a teacher, such data is trained on without running it.
        student: any `keras.Model`; Functional or Sequential where losses name its layers.
        losses: one loss, or a list. From this package, from `keras.distillation`, your own
            `keras.distillation.DistillationLoss` (its `compute_loss` also receives the labels as
            `y`, and `sample_weight`), or by name: "logits", {"name": "logits", "temperature": 4.0}.
        loss_weights: one number of 0 or above per loss; None means 1.0 for each.
        student_loss_weight: w, 0 to 1; 0 trains without labels.
        teacher_weights: one number of 0 or above per teacher, scaled to add up to 1; None weighs
            all alike.
        teacher_shapes: shapes of the teacher's outputs by layer name ("final_output" for the last),
            for losses that need them where there is no teacher. Found in a saved distiller.

    Several teachers: the distillation loss is the weighted mean of the losses with each. For
    `LogitsDistillation` its gradient is that of the averaged softened distributions (Hinton 2015),
    since KL(p1 || q) + KL(p2 || q) = 2 KL((p1 + p2) / 2 || q) + what does not depend on q. Losses
    between layers, with the final output as a layer too, take the first teacher.

    `fit` reports "loss", "student_loss" and "distillation_loss". `evaluate` and validation measure
    the student alone, as its own `evaluate` would: "loss" is then the student's, and no teacher
    runs. `predict` is the student's.

    Saved, a distiller is its student, losses, what they learned (projectors), and the optimizer: no
    teacher. Loaded, it predicts, and trains on cached outputs; to go on with a teacher:
    `Distiller(teacher, loaded.student, loaded.distillation_losses)`. `distiller.student` is a
    plain model whose file knows nothing of distillation.

    Raises:
        kerazoo.errors.ConfigError: an argument breaks its rule, or models and losses do not fit.
        kerazoo.errors.UnknownNameError: a loss names a layer that is not there.
        kerazoo.errors.DataError: in `fit`, there are no labels, though `student_loss_weight` is
            above 0.

    >>> inputs = keras.Input((4,))
    >>> hidden = keras.layers.Dense(8, activation="relu")(inputs)
    >>> teacher = keras.Model(inputs, keras.layers.Dense(3)(hidden))
    >>> student = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> distiller = kerazoo.distill.Distiller(
    ...     teacher, student, kerazoo.distill.LogitsDistillation(temperature=2.0)
    ... )
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(np.ones((8, 4)), np.zeros(8), verbose=0).history
    >>> sorted(history)
    ['distillation_loss', 'loss', 'student_loss']
    """

    def __init__(
        self,
        teacher: Any,
        student: keras.Model,
        losses: Any,
        *,
        loss_weights: Iterable[float] | None = None,
        student_loss_weight: float = 0.5,
        teacher_weights: Iterable[float] | None = None,
        teacher_shapes: dict[str, Any] | None = None,
        name: str = "distiller",
        **kwargs: Any,
    ):
        check_student(student, teacher)
        kwargs.setdefault("dtype", student.dtype_policy)
        # Not the parent's __init__: it makes the teacher a sublayer, which is then saved. And no
        # casting of inputs to half precision, before models that scale raw ones.
        keras.Model.__init__(self, name=name, autocast=False, **kwargs)
        self.student = student
        self.distillation_losses = as_losses(losses)
        self.distillation_loss_weights = as_weights(
            "loss_weights", loss_weights, self.distillation_losses
        )
        self.student_loss_weight = check_number(
            "student_loss_weight", student_loss_weight, least=0, most=1
        )
        self._loss_sum = LossSum(self.distillation_losses, self.distillation_loss_weights)
        self._student_features = Features(student, self._loss_sum.student_layers, "student")
        self._teachers = Teachers(teacher, self._loss_sum.teacher_layers, teacher_weights)
        self.teacher_shapes = self._teachers.shapes or teacher_shapes or {}
        self.loss_layers = self._loss_sum.build(self.teacher_shapes, self._student_features.shapes)
        self.supports_jit = self._teachers.supports_jit
        self.student_loss_tracker = keras.metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = keras.metrics.Mean(name="distillation_loss")

    @property
    def teacher(self) -> Any:
        """The teacher as it was passed; a list if there are several; None without one."""
        return self._teachers.source

    @property
    def teacher_layers(self) -> list[str]:
        """Layers of the (first) teacher that the losses name, as `cache_teacher` takes them."""
        return self._loss_sum.teacher_layers

    def __dir__(self) -> list[str]:
        # Keras saves whatever dir() lists that can be saved; the teacher is not to be.
        return [name for name in super().__dir__() if name != "teacher"]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """Those of the student, the losses and the metrics' seeds.

        On JAX the teachers' too: compiled steps take them as arguments, instead of each holding a
        copy as constants.
        """
        own = super().non_trainable_variables
        return own + self._teachers.variables if keras.backend.backend() == "jax" else own

    def compile(
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        """As `keras.Model.compile`; `loss` and `metrics` are the student's.

        Raises:
            kerazoo.errors.ConfigError: there is no loss, though `student_loss_weight` is above 0.
        """
        if loss is None and self.student_loss_weight > 0:
            raise ConfigError(
                f"`loss` must be the student's own loss, since student_loss_weight is "
                f"{self.student_loss_weight}. Received: None. To train without labels, make the "
                f"distiller with student_loss_weight=0."
            )
        keras.Model.compile(self, optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Called on loading: Keras does not do it by itself where `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The student's outputs; in training with those of the layers that the losses name."""
        if training and self._student_features.names:
            return self._student_features(inputs, training=True)
        return self.student(inputs, training=training, **kwargs)

    def _final(self, y_pred: Any) -> Any:
        """The student's own output in what `call` returned."""
        names = self._student_features.names
        is_with_features = isinstance(y_pred, dict) and y_pred.keys() == {FINAL, *names}
        return y_pred[FINAL] if names and is_with_features else y_pred

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The weighted sum of the class docstring; in evaluation the student's own loss alone."""
        labels, teacher_outputs = split(y)
        if y_pred is None:
            y_pred = self(x, training=training)
        outputs = self._final(y_pred)
        replicas = replicas_in_sync()
        penalty = sum((ops.sum(loss) for loss in self.losses), start=0.0)
        if training and labels is None and self.student_loss_weight > 0:
            raise DataError(
                f"There are no labels for the student's own loss, and student_loss_weight is "
                f"{self.student_loss_weight}. Pass labels, or make the distiller with "
                f"student_loss_weight=0 to train without them."
            )
        if self.loss is None or labels is None:
            student_loss = penalty + ops.zeros(())
        else:  # already a mean over all replicas, penalty included
            student_loss = replicas * keras.Model.compute_loss(
                self, x, labels, outputs, sample_weight, training
            )
        if not training:
            return student_loss / replicas
        if self.student_loss_weight == 1:
            distillation_loss = ops.zeros(())
        else:
            features = y_pred if self._student_features.names else {FINAL: outputs}
            distillation_loss = self._distillation_loss(
                x, teacher_outputs, features, y=labels, sample_weight=sample_weight
            )
        self._track(student_loss, distillation_loss, outputs)
        own = self.student_loss_weight
        return (own * student_loss + (1 - own) * (distillation_loss + penalty)) / replicas

    def _distillation_loss(
        self, x: Any, teachers: Any, student: dict[str, Any], **batch: Any
    ) -> Any:
        if teachers is None:
            teachers = self._teachers(x)
        else:
            self._loss_sum.check_outputs(teachers, len(self._teachers.shares))
        return self._loss_sum(teachers, self._teachers.shares, student, **batch)

    def _track(self, student_loss: Any, distillation_loss: Any, outputs: Any) -> None:
        rows = ops.shape(keras.tree.flatten(outputs)[0])[0]
        self.student_loss_tracker.update_state(student_loss, sample_weight=rows)
        self.distillation_loss_tracker.update_state(distillation_loss, sample_weight=rows)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        labels, _ = split(y)
        return super().compute_metrics(x, labels, self._final(y_pred), sample_weight)

    def test_step(self, *arguments: Any) -> Any:
        """As the backend's own, without the two losses that only training has."""
        result = super().test_step(*arguments)
        logs, *state = result if isinstance(result, tuple) else (result,)  # JAX: (logs, state)
        for tracker in (self.student_loss_tracker, self.distillation_loss_tracker):
            logs.pop(tracker.name)
        return (logs, *state) if state else logs

    def reset_metrics(self) -> None:
        keras.Model.reset_metrics(self)

    def get_config(self) -> dict[str, Any]:
        """All but the teacher."""
        serialize = keras.saving.serialize_keras_object
        return {
            **keras.Model.get_config(self),
            "student": serialize(self.student),
            "losses": [serialize(loss) for loss in self.distillation_losses],
            "loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
            "teacher_weights": self._teachers.shares,
            "teacher_shapes": self.teacher_shapes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        restore = keras.saving.deserialize_keras_object
        # A file names no teacher: it would be opened, and may be a program.
        config = {**config, "teacher": None, "student": restore(config["student"])}
        config["losses"] = [restore(loss) for loss in config["losses"]]
        return cls(**config)
