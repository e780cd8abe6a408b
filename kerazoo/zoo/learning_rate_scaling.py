"""The learning rate of a recipe, scaled to the batch size that it is trained with."""

from __future__ import annotations

import math

import msgspec

from kerazoo.notices import notice
from kerazoo.zoo.config import Training, WarmupCosine, ZooConfig


def scaled_training(config: ZooConfig) -> Training:
    """The recipe's `training`, its learning rate scaled as `distribution` says.

    With k = data.batch_size / distribution.base_batch_size: "linear" multiplies the rate by k
    (Goyal et al. 2017, arXiv:1706.02677, section 2.1: a step for k times as many samples is k times
    as long), "sqrt" by the root of k (Krizhevsky 2014, arXiv:1404.5997: the variance of the steps
    stays what it was). Of a schedule, peak and final rate are scaled; a warm-up is advisable.
    """
    distribution, training = config.distribution, config.training
    if distribution.learning_rate_scaling == "none" or distribution.base_batch_size is None:
        return training
    factor = config.data.batch_size / distribution.base_batch_size
    if distribution.learning_rate_scaling == "sqrt":
        factor = math.sqrt(factor)
    rate = training.optimizer.learning_rate
    scaled: float | WarmupCosine
    if isinstance(rate, WarmupCosine):
        scaled = msgspec.structs.replace(rate, peak=rate.peak * factor, final=rate.final * factor)
        before, after = rate.peak, scaled.peak
    else:
        before, after = rate, rate * factor
        scaled = after
    if factor != 1:
        notice(
            f"{config.name}: learning rate {before:g} for batches of "
            f"{distribution.base_batch_size:,} becomes {after:g} for {config.data.batch_size:,} "
            f"({distribution.learning_rate_scaling})."
        )
    optimizer = msgspec.structs.replace(training.optimizer, learning_rate=scaled)
    return msgspec.structs.replace(training, optimizer=optimizer)
