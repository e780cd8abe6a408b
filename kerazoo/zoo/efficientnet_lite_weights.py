"""The weights of `efficientnet_lite_pytorch`, under the names and in the shapes of kerazoo's model.

tools/convert_efficientnet_lite.py proves that the two networks then give equal outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kerazoo.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np

_NORMALIZATION = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_OUTSIDE = {"_conv_stem": "stem", "_bn0": "stem_norm", "_conv_head": "top", "_bn1": "top_norm"}
_IN_BLOCK = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}


def from_pytorch(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays by the variable paths of `kerazoo.models.efficientnet_lite`.

    Args:
        tensors: the state dictionary of `efficientnet_lite_pytorch.EfficientNet`, any size.

    Raises:
        WeightsError: it is that of another network.
    """
    blocks = _block_names(tensors)
    arrays = {}
    for name, tensor in tensors.items():
        *parents, kind = name.split(".")
        if kind == "num_batches_tracked":
            continue
        try:
            if parents[0] == "_blocks":
                layer = f"{blocks[int(parents[1])]}_{_IN_BLOCK[parents[2]]}"
            else:
                layer = {**_OUTSIDE, "_fc": "logits"}[parents[0]]
            arrays[f"{layer}/{_variable(layer, kind)}"] = _transposed(tensor, layer)
        except (KeyError, IndexError, ValueError) as error:
            raise WeightsError(f"No EfficientNet-Lite has a weight {name!r}.") from error
    return arrays


def _block_names(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """ "stage_1_1", "stage_2_1", ...: all stages differ in the width of their blocks' outputs."""
    names: list[str] = []
    stage, block, width = 0, 0, None
    while (project := tensors.get(f"_blocks.{len(names)}._project_conv.weight")) is not None:
        if len(project) != width:
            stage, block, width = stage + 1, 0, len(project)
        block += 1
        names.append(f"stage_{stage}_{block}")
    return names


def _variable(layer: str, kind: str) -> str:
    if layer.endswith("_norm"):
        return _NORMALIZATION[kind]
    return {"weight": "kernel", "bias": "bias"}[kind]


def _transposed(tensor: np.ndarray, layer: str) -> np.ndarray:
    """PyTorch: outputs, inputs, height, width. Keras: height, width, inputs, outputs."""
    if tensor.ndim == 4:
        return tensor.transpose((2, 3, 0, 1) if layer.endswith("_depthwise") else (2, 3, 1, 0))
    return tensor.T
