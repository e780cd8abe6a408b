"""Contrastive representation distillation, CRD (Tian, Krishnan, Isola 2020)."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.distill._contrast_memory import NO_CLASS, ContrastMemory
from kerazoo.distill._labels import class_numbers
from kerazoo.distill._layer_loss import LayerLoss, Names
from kerazoo.errors import ConfigError


@keras.saving.register_keras_serializable(package="kerazoo")
class ContrastiveRepresentation(LayerLoss):
    """-log h(t_i, s_i) - sum_j log(1 - h(t_j, s_i)), and the same with t and s exchanged.

    t and s are learned linear embeddings of a teacher's and a student's features, of length 1; j
    runs over N remembered samples of other classes than sample i. h is the probability that a pair
    is of one sample: h(t, s) = e / (e + N m), e = exp(t . s / temperature), m the mean of e over
    the first batch. The mean over the batch, added up over pairs of layers.

    Features: float of any precision, `(batch, ...)` with fixed sizes. With integer class numbers,
    or one-hot rows, as labels, remembered samples of the same class are left out; with any other
    labels, or none, all count.

    State, in variables that the distiller trains or saves: the embeddings, and a memory of the
    latest `memory_size` embeddings of either side with their classes, random at first.

    Args:
        teacher_layer_name: a layer's name, or a list of several; the paper takes the last one
            before the logits. None for the final output.
        student_layer_name: as many layers of the student.
        units: width of the embeddings, 1 or above.
        memory_size: N at most, 1 or above.
        temperature: above 0.
        seed: of the initial values, 0 or above.

    Raises:
        kerazoo.errors.ConfigError: an argument breaks its rule, or shapes are not known.

    >>> inputs = keras.Input((4,))
    >>> wide, narrow = keras.layers.Dense(8, name="wide"), keras.layers.Dense(2, name="narrow")
    >>> teacher = keras.Model(inputs, keras.layers.Dense(3)(wide(inputs)))
    >>> student = keras.Model(inputs, keras.layers.Dense(3)(narrow(inputs)))
    >>> loss = kerazoo.distill.ContrastiveRepresentation("wide", "narrow", units=4, memory_size=16)
    >>> distiller = kerazoo.distill.Distiller(teacher, student, [loss], loss_weights=[0.1])
    >>> distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(np.eye(4), np.array([0, 1, 2, 0]), verbose=0).history
    >>> sorted(history)
    ['distillation_loss', 'loss', 'student_loss']

    Source: arXiv:1910.10699, section 3.1; defaults of `units` and `temperature`, and m for
    the paper's constants, from the authors' code. Changed: the memory holds the latest samples,
    instead of one slot per sample of the data set updated by a moving average, since a batch does
    not say which samples it holds. Under tf.distribute it remembers those of the first replica.
    """

    def __init__(
        self,
        teacher_layer_name: Names = None,
        student_layer_name: Names = None,
        units: int = 128,
        memory_size: int = 4096,
        temperature: float = 0.07,
        seed: int = 0,
    ):
        super().__init__(teacher_layer_name, student_layer_name)
        self.units = check_integer("units", units)
        self.memory_size = check_integer("memory_size", memory_size)
        self.temperature = check_number("temperature", temperature, above=0)
        self.seed = check_integer("seed", seed, least=0)
        self.memories: dict[int, ContrastMemory] = {}

    @property
    def layers(self) -> list[keras.layers.Layer]:
        return list(self.memories.values())

    def build_pair(self, number: int, teacher: tuple, student: tuple) -> None:
        self.check_fixed_sizes(teacher, student)
        if number in self.memories:
            return
        memory = ContrastMemory(
            self.units, self.memory_size, self.temperature, self.seed, name=f"contrast_{number}"
        )
        memory.build(math.prod(teacher[1:]), math.prod(student[1:]))
        self.memories[number] = memory

    def pair_loss(self, number: int, teacher: Any, student: Any, labels: Any) -> Any:
        if number not in self.memories:
            raise ConfigError(
                "ContrastiveRepresentation has variables: pass it to a kerazoo.distill.Distiller, "
                "or call `build` with the features' shapes first."
            )
        return self.memories[number](teacher, student, _classes(labels))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "memory_size": self.memory_size,
            "temperature": self.temperature,
            "seed": self.seed,
        }


def _classes(labels: Any) -> Any:
    """Class numbers, or None where the labels are not classes."""
    if labels is None or keras.tree.is_nested(labels) or len(labels.shape) > 2:
        return None
    if len(labels.shape) == 2 and labels.shape[1] != 1:
        return _classes_of_rows(labels)
    if "int" in keras.backend.standardize_dtype(labels.dtype):
        return class_numbers(labels, "ContrastiveRepresentation")
    return None


def _classes_of_rows(labels: Any) -> Any:
    """Class numbers of one-hot rows, `NO_CLASS` of others: several labels, or quantities."""
    labels = ops.cast(labels, "float32")
    is_one_hot = ops.all((labels == 0) | (labels == 1), axis=1) & (ops.sum(labels, axis=1) == 1)
    return ops.where(is_one_hot, ops.cast(ops.argmax(labels, axis=1), "int32"), NO_CLASS)
