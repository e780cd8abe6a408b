"""The weights of a saved Keras 2 model, layer by layer, and where each kind of file has them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np

from kerazoo.convert._hdf5 import read_array, read_names
from kerazoo.convert._spec import LayerSpec, ModelSpec
from kerazoo.errors import ConversionError

Path = tuple[str, ...]  # a layer's name, after those of the models that it is in


class SavedArray(NamedTuple):
    """A variable's value; its name is empty where the file does not keep it."""

    name: str
    value: np.ndarray


Arrays = dict[Path, list[SavedArray]]


def arrays_of_h5(file: h5py.File) -> Arrays:
    """From a .h5 file: a list for each layer of the outermost model, in which a model's trainable
    weights come before its others."""
    root = file.get("model_weights", file)
    found: Arrays = {}
    for layer in read_names(root, "layer_names"):
        group = root[layer]
        arrays = [
            SavedArray(name, read_array(group, name)) for name in read_names(group, "weight_names")
        ]
        found[(layer,)] = without_generators(arrays)
    return found


def without_generators(arrays: list[SavedArray]) -> list[SavedArray]:
    """Without the states of random generators, which Keras 2 of some years counts as weights."""
    return [
        array
        for array in arrays
        if not array.name.startswith("StateVar") and "/StateVar" not in array.name
    ]


# In which order the parts of a layer hold what `layer.weights` lists; the layer's own come first.
PARTS = ["forward_layer", "_query_dense", "_key_dense", "_value_dense", "_output_dense", "layer"]


def arrays_of_archive(file: h5py.File, spec: ModelSpec) -> Arrays:
    """From the weights of a .keras file, which are found by place: `layers/conv2d_1/vars/0` is
    the first variable of the second `Conv2D`."""
    return dict(_archived(file, spec, ()))


def _archived(
    group: h5py.Group, spec: ModelSpec, path: Path
) -> Iterator[tuple[Path, list[SavedArray]]]:
    counts: dict[str, int] = {}
    layers = group.get("layers", {})
    for layer in layers_counted(spec):
        name = _snake_case(_class_name(layer))
        number = counts[name] = counts.get(name, -1) + 1
        place = layers.get(f"{name}_{number}" if number else name)
        if place is None:
            continue
        here = (*path, layer.saved_name)
        if layer.model:
            yield from _archived(place, layer.model, here)
        else:
            yield here, [SavedArray("", value) for value in _values(place)]


def _values(group: h5py.Group) -> Iterator[np.ndarray]:
    if "layers" in group:
        raise ConversionError(
            f"{group.name} is a model inside of a wrapping layer, whose order of weights a .keras "
            "file of Keras 2 does not tell. Save it as .h5 in Keras 2, which does."
        )
    own = group.get("vars", {})
    for name in sorted(own, key=int):
        yield read_array(own, name)
    parts = sorted((name for name in group if name != "vars"), key=_rank)
    for part in parts:
        yield from _values(group[part])


def _rank(part: str) -> tuple[int, list[Any]]:
    known = PARTS.index(part) if part in PARTS else len(PARTS)
    return known, [int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", part)]


def layers_counted(spec: ModelSpec) -> list[LayerSpec]:
    """The layers that Keras 2 lists as `model.layers`: a Sequential model leaves its input out."""
    return [
        layer for layer in spec.layers if not (spec.is_sequential and layer.kind == "InputLayer")
    ]


def _class_name(layer: LayerSpec) -> str:
    return layer.kind.rpartition(">")[2]


def _snake_case(name: str) -> str:
    """As Keras 2 makes it (`tf_keras.src.utils.generic_utils.to_snake_case`)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def arrays_of_checkpoint(prefix: str, spec: ModelSpec) -> Arrays:
    """From the variables of a SavedModel, whose checkpoint says what is whose: `layer-3` of the
    model, `variables` of the layer, `0`. The program of the SavedModel is not loaded.

    Raises:
        ConversionError: the checkpoint is not there or damaged, or does not know a layer.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    if not os.path.isfile(f"{prefix}.index"):
        raise ConversionError(
            f"There is no {prefix}.index, which belongs to the SavedModel: copy its whole folder, "
            "with all of variables/."
        )
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    try:
        reader = tf.train.load_checkpoint(prefix)
        graph.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        return dict(_Checkpoint(reader, graph).arrays(0, spec, ()))
    except ConversionError:
        raise
    except (
        *(tf.errors.OpError, ValueError, RuntimeError),  # of TensorFlow's reader
        *(DecodeError, TypeError, LookupError),  # of a graph that is none, or has holes
    ) as error:
        raise ConversionError(
            f"The SavedModel's variables in {prefix!r} are damaged or incomplete: copy its whole "
            "folder anew."
        ) from error


class _Checkpoint:
    def __init__(self, reader: Any, graph: Any):
        self.reader, self.nodes = reader, graph.nodes

    def arrays(
        self, node: int, spec: ModelSpec, path: Path
    ) -> Iterator[tuple[Path, list[SavedArray]]]:
        children = self._children(node)
        for index, layer in enumerate(layers_counted(spec)):
            child = children.get(f"layer-{index}")
            here = (*path, layer.saved_name)
            if child is None:
                raise ConversionError(f"The SavedModel's variables do not know layer {here[-1]!r}.")
            if layer.model:
                yield from self.arrays(child, layer.model, here)
            else:
                found = [self._array(number) for number in self._variables_of(child)]
                yield here, without_generators([array for array in found if array])

    def _variables_of(self, node: int) -> list[int]:
        """In the order of `layer.weights`: that of the list, which a SavedModel without traces
        does not have, else that in which the layer made them."""
        parts = self._children(node)
        if "variables" in parts:
            listed = self._children(parts["variables"])
            return [listed[str(number)] for number in range(len(listed))]
        seen: dict[int, None] = {}
        waiting = [node]
        while waiting:
            at = waiting.pop(0)
            seen[at] = None
            inside = [number for name, number in self._children(at).items() if name != "keras_api"]
            waiting = [number for number in inside if number not in seen] + waiting
        return [number for number in seen if self.nodes[number].attributes]

    def _children(self, node: int) -> dict[str, int]:
        return {child.local_name: child.node_id for child in self.nodes[node].children}

    def _array(self, node: int) -> SavedArray | None:
        for attribute in self.nodes[node].attributes:
            if attribute.name == "VARIABLE_VALUE":
                return SavedArray(
                    attribute.full_name, self.reader.get_tensor(attribute.checkpoint_key)
                )
        return None  # a table of a text layer, say
