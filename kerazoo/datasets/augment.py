"""Random flips, shift, rotation, zoom and elastic distortion of a batch of images.

One bilinear resampling does all of them, so a pixel is interpolated once. Everything random is
derived from a seed pair (stateless): a resumed run sees the very images it would have seen.
Elastic distortion follows Simard, Steinkraus, Platt 2003 ("Best practices for convolutional neural
networks"), with a coarse random grid, enlarged bicubically, for their Gaussian-smoothed one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec

from kerazoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

_GRID = 5  # elastic control points per side
_LEAST_OF_BOX = 0.3  # what is left of a box must show what is in it


class Augment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far images may be distorted; every amount is a maximum, drawn evenly on both sides.

    Attributes:
        shift: fraction of the side, 0 to 0.5; by whole pixels where nothing else resamples, so
            that the images stay sharp.
        rotate: degrees, 0 to 180.
        zoom: fraction, 0 to 0.9; 0.1 draws a scale from 0.9 to 1.1, height and width apart.
        elastic: standard deviation of the control points' displacement, in pixels, 0 to 10.
        flip: exchange left and right in every second image, by chance.
        flip_vertical: exchange top and bottom in every second image, by chance.
        contrast: fraction, 0 to 0.9; 0.2 draws a factor from 0.8 to 1.2, about the mean.
        brightness: fraction of 255, 0 to 0.9, that is added. Both are for pixels 0..255.
        targets: what happens to them. "labels": nothing. "mask": they are a class number of each
            pixel, `(height, width)`, and go along; outside of the image is `outside`. "boxes":
            they are `(boxes, 5)`, label (below 0: no box), left, top, right and bottom in pixels,
            and go along; not with `rotate` or `elastic`. What leaves the image is cut off; of a box
            of which less than 0.3 is left, the label becomes -1.
        outside: a class number, 0 to 255, or one that the loss ignores.

    Nothing is checked before it is used: `load` and `Batches` raise DataError for an amount out of
    its range, and for inputs other than `(samples, height, width, channels)`.

    >>> import kerazoo
    >>> mild = kerazoo.datasets.Augment(shift=0.1, rotate=10)
    >>> batches = kerazoo.datasets.load("digits", "test", batch_size=8, augment=mild)
    >>> images, labels = next(iter(batches))
    >>> images.shape, images.dtype
    (TensorShape([8, 28, 28, 1]), tf.float32)
    """

    shift: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.0
    rotate: Annotated[float, msgspec.Meta(ge=0, le=180)] = 0.0
    zoom: Annotated[float, msgspec.Meta(ge=0, le=0.9)] = 0.0
    elastic: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.0
    flip: bool = False
    flip_vertical: bool = False
    contrast: Annotated[float, msgspec.Meta(ge=0, le=0.9)] = 0.0
    brightness: Annotated[float, msgspec.Meta(ge=0, le=0.9)] = 0.0
    targets: Literal["labels", "mask", "boxes"] = "labels"
    outside: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0


def check_augment(
    augment: Augment, inputs: tuple[int, ...] | None, targets: tuple[int, ...] | None = None
) -> None:
    """Raise `DataError` if an amount is out of its range, or it is not for arrays of these shapes.

    Args:
        inputs, targets: shapes with the number of samples first; None for several arrays by name.
    """
    try:
        msgspec.convert(msgspec.to_builtins(augment), Augment)
    except msgspec.ValidationError as error:
        raise DataError(f"`augment`: {error}.") from error
    if inputs is None or len(inputs) != 4:
        raise DataError(
            f"`augment` is for images, (samples, height, width, channels). "
            f"Received: {inputs or 'several arrays by name'}."
        )
    if augment.targets == "mask" and targets != inputs[:3]:
        raise DataError(
            f"`augment` with targets='mask' is for a class number of each pixel, {inputs[:3]}. "
            f"Received: {targets or 'several arrays by name'}."
        )
    if augment.targets == "boxes":
        _check_boxes(augment, targets)


def _check_boxes(augment: Augment, targets: tuple[int, ...] | None) -> None:
    if targets is None or len(targets) != 3 or targets[2] != 5:
        raise DataError(
            f"`augment` with targets='boxes' is for (samples, boxes, 5). "
            f"Received: {targets or 'several arrays by name'}."
        )
    if augment.rotate or augment.elastic:
        raise DataError(
            f"`augment` with targets='boxes' takes no `rotate` and no `elastic`, after which boxes "
            f"would not fit. Received: {augment.rotate:g} and {augment.elastic:g}."
        )


def distort(
    images: Any, augment: Augment, seed: Any, *, place: tuple[Any, Any] | None = None
) -> tf.Tensor:
    """Distort each image of a batch by amounts of its own.

    Args:
        images: any numeric dtype, `(batch, height, width, channels)`; outside them all is 0.
        augment: the largest amounts.
        seed: int, `(2,)`; equal seeds and batch sizes give equal images.
        place: where the images are a part of a batch: the number of the first one in it, and the
            size of the whole. They come out as they would in the whole.

    Returns: float32, the same shape, in the range of `images`.
    """
    import tensorflow as tf

    images = tf.cast(images, tf.float32)
    images = _resample(images, _warp(images, augment, seed, place))
    return _change_light(images, augment, seed, place)


def distort_pair(
    images: Any, targets: Any, augment: Augment, seed: Any, *, place: tuple[Any, Any] | None = None
) -> tuple[tf.Tensor, Any]:
    """The images as `distort` makes them, and the targets that are then right.

    Args: of `distort`; `targets` as `augment.targets` says.
    """
    import tensorflow as tf

    images = tf.cast(images, tf.float32)
    warp = _warp(images, augment, seed, place)
    distorted = _change_light(_resample(images, warp), augment, seed, place)
    if augment.targets == "labels":
        return distorted, targets
    if augment.targets == "boxes":
        return distorted, _move_boxes(targets, warp)
    masks = _mirror(targets, warp)
    return distorted, _sample_nearest(masks, warp.rows, warp.columns, augment.outside)


class _Warp(NamedTuple):
    """Where pixels come from: `(batch, height, width)` rows and columns of images of which
    `is_mirrored` and `is_upside_down`, `(batch,)`, say whether they were so before; None: none of
    them."""

    is_mirrored: tf.Tensor | None
    is_upside_down: tf.Tensor | None
    rows: tf.Tensor
    columns: tf.Tensor


def _warp(images: tf.Tensor, augment: Augment, seed: Any, place: Any) -> _Warp:
    import tensorflow as tf

    batch, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    first, whole = place or (0, batch)
    own = slice(first, first + batch)
    is_mirrored = is_upside_down = None
    if augment.flip:
        is_mirrored = tf.random.stateless_uniform([whole], _apart(seed, 2))[own] < 0.5
    if augment.flip_vertical:
        is_upside_down = tf.random.stateless_uniform([whole], _apart(seed, 4))[own] < 0.5
    rows, columns = _source_grid(augment, whole, height, width, seed, own)
    if augment.elastic:
        bend = _elastic_field(augment.elastic, whole, height, width, seed, own)
        rows, columns = rows + bend[..., 0], columns + bend[..., 1]
    return _Warp(is_mirrored, is_upside_down, rows, columns)


def _resample(images: tf.Tensor, warp: _Warp) -> tf.Tensor:
    return _sample_bilinear(_mirror(images, warp), warp.rows, warp.columns)


def _apart(seed: Any, number: int) -> tf.Tensor:
    """A seed of its own for each kind of draw, so that one more leaves the others as they are."""
    import tensorflow as tf

    seed = tf.convert_to_tensor(seed)
    return seed + tf.constant([0, number], seed.dtype)


def _mirror(pixels: Any, warp: _Warp) -> tf.Tensor:
    import tensorflow as tf

    pixels = tf.convert_to_tensor(pixels)
    for chosen, axis in ((warp.is_mirrored, 2), (warp.is_upside_down, 1)):
        if chosen is not None:
            chosen = tf.reshape(chosen, [-1] + [1] * (len(pixels.shape) - 1))
            pixels = tf.where(chosen, tf.reverse(pixels, [axis]), pixels)
    return pixels


def _change_light(images: tf.Tensor, augment: Augment, seed: Any, place: Any) -> tf.Tensor:
    """Contrast about the image's own mean, then brightness."""
    import tensorflow as tf

    if not (augment.contrast or augment.brightness):
        return images
    batch = tf.shape(images)[0]
    first, whole = place or (0, batch)
    own = slice(first, first + batch)
    draw = tf.random.stateless_uniform([2, whole, 1, 1, 1], _apart(seed, 3), -1.0, 1.0)[:, own]
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)
    images = mean + (images - mean) * (1 + draw[0] * augment.contrast)
    return tf.clip_by_value(images + draw[1] * augment.brightness * 255, 0.0, 255.0)


def _source_grid(
    augment: Augment, whole: Any, height: int, width: int, seed: Any, own: slice = slice(None)
) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each output pixel comes from: `(batch, height, width)` rows and columns, in pixels."""
    import tensorflow as tf

    draw = tf.random.stateless_uniform([5, whole, 1, 1], seed, -1.0, 1.0)[:, own]
    angle = draw[0] * math.radians(augment.rotate)
    scale_rows, scale_columns = 1.0 + draw[1] * augment.zoom, 1.0 + draw[2] * augment.zoom
    shift_rows, shift_columns = (draw[3] * augment.shift * height, draw[4] * augment.shift * width)
    if not (augment.rotate or augment.zoom or augment.elastic):
        shift_rows, shift_columns = tf.round(shift_rows), tf.round(shift_columns)
    y = tf.reshape(tf.range(height, dtype=tf.float32) - (height - 1) / 2, [1, height, 1])
    x = tf.reshape(tf.range(width, dtype=tf.float32) - (width - 1) / 2, [1, 1, width])
    sine, cosine = tf.sin(angle), tf.cos(angle)
    rows = scale_rows * (cosine * y + sine * x) + shift_rows + (height - 1) / 2
    columns = scale_columns * (cosine * x - sine * y) + shift_columns + (width - 1) / 2
    return rows, columns


def _elastic_field(
    deviation: float, whole: Any, height: int, width: int, seed: Any, own: slice = slice(None)
) -> tf.Tensor:
    """Smooth random displacements in pixels, `(batch, height, width, 2)`."""
    import tensorflow as tf

    shape = [whole, _GRID, _GRID, 2]
    coarse = tf.random.stateless_normal(shape, _apart(seed, 1), stddev=deviation)[own]
    return tf.image.resize(coarse, [height, width], method="bicubic")


def _sample_bilinear(images, rows, columns):
    import tensorflow as tf

    # Black all round, so that whatever lies outside reads 0: one pixel, and one more to the lower
    # right, where the four neighbours of a point reach.
    padded = tf.pad(images, [[0, 0], [1, 2], [1, 2], [0, 0]])
    height, width, channels = padded.shape[1], padded.shape[2], padded.shape[3]
    rows = tf.clip_by_value(rows + 1.0, 0.0, height - 2.0)
    columns = tf.clip_by_value(columns + 1.0, 0.0, width - 2.0)
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    pixels = tf.reshape(padded, [-1, channels])
    image = tf.reshape(tf.range(tf.shape(images)[0]) * (height * width), [-1, 1, 1])
    corner = image + tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)

    def at(offset):
        return tf.gather(pixels, corner + offset)

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(width) * (1 - right) + at(width + 1) * right
    return upper * (1 - down) + lower * down


def _sample_nearest(masks: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, outside: int) -> Any:
    """`(batch, height, width)` class numbers at the pixels nearest to the points."""
    import tensorflow as tf

    height, width = masks.shape[1], masks.shape[2]
    padded = tf.pad(masks, [[0, 0], [1, 1], [1, 1]], constant_values=outside)
    row = tf.cast(tf.clip_by_value(tf.round(rows) + 1, 0.0, height + 1.0), tf.int32)
    column = tf.cast(tf.clip_by_value(tf.round(columns) + 1, 0.0, width + 1.0), tf.int32)
    image = tf.reshape(tf.range(tf.shape(masks)[0]) * ((height + 2) * (width + 2)), [-1, 1, 1])
    return tf.gather(tf.reshape(padded, [-1]), image + row * (width + 2) + column)


def _move_boxes(targets: Any, warp: _Warp) -> tf.Tensor:
    """`(batch, boxes, 5)` boxes around the same things in the images that `warp` makes."""
    import tensorflow as tf

    targets = tf.cast(targets, tf.float32)
    label, left, top, right, bottom = tf.unstack(targets, axis=2)
    left, right, fraction = _move_edges(left, right, warp.columns[:, 0, :], warp.is_mirrored)
    top, bottom, of_height = _move_edges(top, bottom, warp.rows[:, :, 0], warp.is_upside_down)
    label = tf.where(fraction * of_height < _LEAST_OF_BOX, -1.0, label)
    return tf.stack([label, left, top, right, bottom], axis=2)


def _move_edges(
    low: tf.Tensor, high: tf.Tensor, source: tf.Tensor, is_mirrored: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Both edges along one axis, cut off at the image's, and the fraction between that is left.

    `source`: `(batch, size)`, the pixel that each pixel comes from, an even grid. A pixel's edges
    are half a pixel beside its number.
    """
    import tensorflow as tf

    size = float(source.shape[1])
    if is_mirrored is not None:
        chosen = is_mirrored[:, None]
        low, high = tf.where(chosen, size - high, low), tf.where(chosen, size - low, high)
    first, last = source[:, :1], source[:, -1:]
    step = (last - first) / (size - 1)
    low, high = ((edge - 0.5 - first) / step + 0.5 for edge in (low, high))
    inside = [tf.clip_by_value(edge, 0.0, size) for edge in (low, high)]
    fraction = tf.math.divide_no_nan(inside[1] - inside[0], high - low)
    return inside[0], inside[1], fraction
