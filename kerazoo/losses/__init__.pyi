from .anchor_free_loss import AnchorFreeLoss
from .in_batch_softmax_loss import InBatchSoftmaxLoss
from .quantile_loss import QuantileLoss
from .smoothed_crossentropy import SmoothedCrossentropy

__all__ = ["AnchorFreeLoss", "InBatchSoftmaxLoss", "QuantileLoss", "SmoothedCrossentropy"]
