"""Where the centers of a convolution's kernels lie, on one axis of a picture."""

from __future__ import annotations


def crop_to_centers(size: int | None, kernel: int, stride: int, padding: str) -> tuple[int, int]:
    """Pixels to cut off before and after, so that the first one left is under a kernel's center.

    Args:
        size: of the axis; may be None if `stride` is 1 or `padding` is "valid".
        kernel: its length, odd.
        stride: from one center to the next.
        padding: "same", as TensorFlow pads, or "valid".
    """
    if padding == "valid":
        return kernel // 2, kernel // 2
    if stride == 1 or size is None:
        return 0, 0
    padded = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return kernel // 2 - padded // 2, 0
