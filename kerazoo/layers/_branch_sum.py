"""Branches that all read the pixel under one kernel's center, added up: one kernel and one bias.

Source: Ding et al. 2021, "RepVGG", arXiv:2101.03697, section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kerazoo.layers._folding import as_array, fold, scale_and_shift
from kerazoo.layers.conv_norm_act import ConvNormAct


def branch_sum(
    kernel_branches: Sequence[ConvNormAct],
    pointwise_branch: ConvNormAct | None,
    identity_branch: keras.layers.BatchNormalization | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel, `(height, width, inputs / groups, outputs)`, and bias, `(outputs,)`, in float64.

    Args:
        kernel_branches: one or more, with kernels of one odd size.
        pointwise_branch: with a kernel of 1 x 1.
        identity_branch: of the input itself, which has as many channels as the output.
    """
    folded = [_folded(branch) for branch in kernel_branches]
    kernel, bias = (np.sum(parts, axis=0) for parts in zip(*folded, strict=True))
    center = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]  # a view: (in, out)
    if pointwise_branch is not None:
        pointwise, shift = _folded(pointwise_branch)
        center += pointwise[0, 0]
        bias += shift
    if identity_branch is not None:
        scale, shift = scale_and_shift(identity_branch)
        outputs = np.arange(len(bias))
        center[outputs % len(center), outputs] += scale  # a group's inputs count from 0
        bias += shift
    return kernel, bias


def _folded(branch: ConvNormAct) -> tuple[np.ndarray, np.ndarray]:
    return fold(as_array(branch.convolve.kernel), branch.normalize)
