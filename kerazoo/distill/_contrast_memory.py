"""The state of contrastive distillation: two embeddings, and the latest samples they saw."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.distill._loss import mean
from kerazoo.distill._rows import rows, unit

NO_CLASS = -1  # of samples without one, and of the random vectors that fill a memory at first


class ContrastMemory(keras.layers.Layer):
    """Embeds teacher's and student's features, and contrasts them with remembered ones.

    Both embeddings are linear maps to `units`, scaled to length 1. The memory is first in, first
    out: `memory_size` embeddings of each side, with their class numbers; random ones at first.

    Called with teacher's and student's features `(batch, ...)` and class numbers `(batch,)` or
    None, returns the loss and puts the batch into the memory.
    """

    def __init__(self, units: int, memory_size: int, temperature: float, seed: int, name: str):
        super().__init__(name=name, dtype="float32")
        self.units, self.memory_size, self.temperature = units, memory_size, temperature
        self.seed = seed
        self.embed_teacher = self._embedding("embed_teacher", seed)
        self.embed_student = self._embedding("embed_student", seed + 1)

    def _embedding(self, name: str, seed: int) -> keras.layers.Dense:
        initializer = keras.initializers.GlorotUniform(seed)
        return keras.layers.Dense(
            self.units, kernel_initializer=initializer, dtype="float32", name=name
        )

    def build(self, teacher_width: int, student_width: int) -> None:
        self.embed_teacher.build((None, teacher_width))
        self.embed_student.build((None, student_width))
        size = self.memory_size
        teachers, students = (_RandomDirections(self.seed + number) for number in (2, 3))
        self.teachers = self._state("teachers", size, self.units, initializer=teachers)
        self.students = self._state("students", size, self.units, initializer=students)
        no_class = keras.initializers.Constant(NO_CLASS)
        self.classes = self._state("classes", size, initializer=no_class)
        # Of each direction the logarithm of the mean of exp(score), fixed at the first batch.
        self.log_means = self._state("log_means", 2)
        self.is_started = self._state("is_started")
        self.built = True

    def _state(self, name: str, *shape: int, initializer: Any = "zeros") -> Any:
        return self.add_weight(
            shape, initializer, trainable=False, aggregation="only_first_replica", name=name
        )

    def call(self, teacher: Any, student: Any, classes: Any) -> Any:
        teacher = unit(self.embed_teacher(rows(teacher)))
        student = unit(self.embed_student(rows(student)))
        if classes is None:
            classes = ops.full_like(teacher[:, 0], NO_CLASS)
        classes = ops.cast(classes, "float32")
        is_other = classes[:, None] != self.classes.value[None]
        is_negative = ops.cast(is_other | (classes[:, None] == NO_CLASS), "float32")
        loss = self._contrast(teacher, student, is_negative)
        self._remember(self.teachers, teacher)
        self._remember(self.students, student)
        self._remember(self.classes, classes)
        return loss

    def _contrast(self, teacher: Any, student: Any, is_negative: Any) -> Any:
        """Student among remembered teachers, and teacher among remembered students.

        Copies are compared, since PyTorch forgets how to differentiate what is then assigned to.
        """
        positive = ops.sum(teacher * student, axis=-1, keepdims=True) / self.temperature
        negatives = [
            ops.matmul(anchor, ops.transpose(ops.copy(memory.value))) / self.temperature
            for anchor, memory in ((student, self.teachers), (teacher, self.students))
        ]
        estimates = ops.stack([_log_mean(positive, scores) for scores in negatives])
        log_means = ops.where(
            self.is_started.value > 0, self.log_means.value, ops.stop_gradient(estimates)
        )
        self.log_means.assign(log_means)
        self.is_started.assign(ops.ones(()))
        return sum(
            _nce(positive, scores, is_negative, log_means[side])
            for side, scores in enumerate(negatives)
        )

    def _remember(self, memory: Any, newest: Any) -> None:
        kept = ops.concatenate([ops.stop_gradient(newest), memory.value], axis=0)
        memory.assign(kept[: self.memory_size])


def _log_mean(positive: Any, negatives: Any) -> Any:
    """log of the mean of exp over all scores of a batch."""
    scores = ops.concatenate([positive, negatives], axis=-1)
    count = ops.cast(ops.shape(scores)[0] * ops.shape(scores)[1], "float32")
    return ops.logsumexp(scores) - ops.log(count)


def _nce(positive: Any, negatives: Any, is_negative: Any, log_mean: Any) -> Any:
    """-log h(positive) - sum of log(1 - h(negative)), mean over the batch.

    With h(s) = e^s / (e^s + N m): N negatives, m the mean of e^s.
    """
    count = ops.sum(is_negative, axis=-1, keepdims=True)
    offset = ops.log(ops.maximum(count, 1.0)) + log_mean
    drawn = ops.sum(ops.softplus(negatives - offset) * is_negative, axis=-1)
    return mean(ops.softplus(offset - positive)[:, 0] + drawn)


class _RandomDirections(keras.initializers.Initializer):
    """Random vectors of length 1."""

    def __init__(self, seed: int):
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return unit(keras.random.normal(shape, dtype=dtype, seed=self.seed))
