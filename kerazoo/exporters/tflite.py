"""Conversion of a Keras model to the bytes of a .tflite file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerazoo.errors import ExportError
from kerazoo.exporters.calibration import Samples
from kerazoo.exporters.converter_errors import check_no_control_flow, explain
from kerazoo.exporters.float_boundaries import without_boundaries
from kerazoo.exporters.int16_biases import with_wide_biases
from kerazoo.exporters.integer_ends import check_integer_ends
from kerazoo.exporters.interface import Interface, call
from kerazoo.exporters.modes import CALIBRATED_MODES
from kerazoo.exporters.quiet import quiet
from kerazoo.notices import notice


def convert(
    model: Any,
    interface: Interface,
    *,
    quantize: str | None = None,
    calibration: Samples | None = None,
    is_carried: bool = False,
    batch: int | None = 1,
) -> bytes:
    """The .tflite file of `model` as bytes, with one signature, "serving_default".

    Only operators of the TFLite runtime itself are allowed: a file that needs the Flex delegate
    does not run on most phones, in browsers or on microcontrollers.

    Args:
        model: a functional or Sequential model that computes in float32.
        interface: its inputs and outputs, as `describe` gives them.
        quantize: a name in `QUANTIZE_MODES`, or None.
        calibration: samples for the ranges of activations; needed for the int8 modes and int16x8.
        is_carried: the model fake-quantizes itself, and its ranges take the place of samples.
        batch: rows per call, 1 or above; None leaves it open, which newer runtimes refuse.

    Raises:
        ExportError: an operator that TFLite does not have, names its layer and a way out; or an
            end that stays float with "int8_io".
    """
    if batch is None:
        notice(
            "batch=None leaves the batch of the .tflite file open; newer LiteRT runtimes "
            "(CompiledModel, LiteRT.js) refuse such files. Prefer batch=1."
        )
    with tempfile.TemporaryDirectory() as folder:
        with quiet():
            _write_saved_model(model, interface, folder, batch)
            if is_carried:
                converter = _carrying_converter(folder)
            else:
                if quantize in CALIBRATED_MODES:
                    check_no_control_flow(folder, model)
                converter = _converter(folder, quantize, calibration, batch or 1)
        if quantize == "int8_io":
            _take_integers(converter, interface)
        try:
            with quiet():
                content = converter.convert()
        except Exception as error:  # the converter raises plain Exceptions of several kinds
            raise explain(error, model, quantize) from error
    if is_carried:
        content = without_boundaries(content)
    if quantize == "int8_io":
        check_integer_ends(content)
    return with_wide_biases(content) if quantize == "int16x8" else content


def _write_saved_model(model: Any, interface: Interface, folder: str, batch: int | None) -> None:
    """One signature whose names are those of the interface, whatever the model's structures."""
    import keras
    import tensorflow as tf

    from kerazoo.compress._exporting import exporting

    specs = [
        tf.TensorSpec((batch, *port.shape), port.dtype, name=port.name) for port in interface.inputs
    ]

    def serve(*tensors):
        named = dict(zip([port.name for port in interface.inputs], tensors, strict=True))
        outputs = keras.tree.flatten(call(model, interface, named))
        return dict(zip(interface.outputs, outputs, strict=True))

    archive = keras.export.ExportArchive()
    archive.track(model)
    with exporting():
        archive.add_endpoint("serve", serve, input_signature=specs)
        # A function for each gradient would take longer to write and read than all the rest.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        archive.write_out(folder, options, verbose=False)


def _converter(folder: str, quantize: str | None, calibration: Samples | None, batch: int) -> Any:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    # Keras switches SELECT_TF_OPS on by itself in its own export; here nothing else is allowed.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize is None:
        return converter
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize in CALIBRATED_MODES:
        if calibration is None:
            raise ExportError(f"quantize={quantize!r} needs `calibration` samples.")
        converter.representative_dataset = lambda: _batches(calibration, batch)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            if quantize == "int16x8"
            else tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]
    return converter


def _carrying_converter(folder: str) -> Any:
    """The converter turns fake-quant operations into integers by itself once it may optimize."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter


def _take_integers(converter: Any, interface: Interface) -> None:
    """int8 in and out; inputs that are integers already (indices of words) stay what they are."""
    import tensorflow as tf

    if any(port.dtype.startswith("float") for port in interface.inputs):
        converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8


def _batches(samples: Samples, batch: int) -> Iterator[Samples]:
    """Whole batches; the last rows come round again to fill the last one."""
    rows = len(next(iter(samples.values())))
    for start in range(0, rows, batch):
        chosen = np.arange(start, start + batch) % rows
        yield {name: values[chosen] for name, values in samples.items()}
