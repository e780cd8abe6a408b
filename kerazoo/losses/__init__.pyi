from .quantile_loss import QuantileLoss

__all__ = ["QuantileLoss"]
