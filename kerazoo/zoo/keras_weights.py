"""Weights from a file that Keras wrote, `.keras` or `.weights.h5`, all of them or an error.

Keras looks up each layer of the model by its class and its number among those of that class, and
passes over what else the file has: a deeper model's hidden layer would become a head. Which layers
there are is therefore compared first.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.errors import WeightsError

if TYPE_CHECKING:
    import h5py
    import keras


def load_keras_weights(model: keras.Model, path: Path) -> None:
    """Give `model` the weights in the file.

    Raises:
        WeightsError: the file is damaged, or its layers are not the model's. The model is of no use
            then: it may have some of the weights.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            own = Path(folder) / "own.weights.h5"
            model.save_weights(own)
            _check_layers(_layers(own), _layers(path))
        model.load_weights(path)
    except Exception as error:  # Keras, h5py and zipfile each raise their own kinds
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path} does not fit the model {model.name!r}: {reason}") from error


def _check_layers(own: dict[str, str], stored: dict[str, str]) -> None:
    if own.keys() != stored.keys():
        missing, extra = _only(own, stored), _only(stored, own)
        raise WeightsError(f"layers missing {missing or 'none'}, left over {extra or 'none'}.")
    # Names that Keras made up are others in each model: only the same ones can be in other places.
    swapped = sorted(name for place, name in stored.items() if name != own[place])
    if swapped and sorted(own.values()) == sorted(stored.values()):
        raise WeightsError(f"layers in another order: {swapped[:3]}.")


def _only(some: dict[str, str], others: dict[str, str]) -> list[str]:
    """Three of the layers that `some` has and `others` does not, by name, else by place."""
    names = set(some.values()) - set(others.values())
    return sorted(names or some.keys() - others.keys())[:3]


def _layers(path: Path) -> dict[str, str]:
    """Place in the file -> name of every layer with weights; the place where no name is kept."""
    layers: dict[str, str] = {}

    def note(place: str, item: h5py.Group | h5py.Dataset) -> None:
        if hasattr(item, "shape") and not place.startswith("optimizer/"):
            # Keras 2.12 had another word for it, and Keras 3 reads that.
            group = item.parent.name.replace("_layer_checkpoint_dependencies", "layers")
            layers[group] = str(item.parent.attrs.get("name", group))

    with _opened(path) as file:
        file.visititems(note)
    return layers


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    import h5py

    if path.suffix == ".h5":
        with h5py.File(path) as file:
            yield file
        return
    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as member,
        h5py.File(member) as file,
    ):
        yield file
