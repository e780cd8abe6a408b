from .in_batch_softmax_loss import InBatchSoftmaxLoss
from .quantile_loss import QuantileLoss

__all__ = ["InBatchSoftmaxLoss", "QuantileLoss"]
