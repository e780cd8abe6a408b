"""What the converter cannot convert, told by Keras layer and with a way out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kerazoo.errors import ExportError
from kerazoo.exporters.graph_names import display, layer_paths, layers_in

CONTROL_FLOW = frozenset({"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"})

UNROLL = (
    "Build recurrent layers with unroll=True (a fixed number of steps), which uses plain operators"
)


def check_no_control_flow(saved_model: str, model: Any) -> None:
    """Raise `ExportError` for loops and branches: the calibrator ends the process on them.

    Seen with TensorFlow 2.21: calibrating an LSTM that is not unrolled is a segmentation fault,
    which no `except` can catch.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((Path(saved_model) / "saved_model.pb").read_bytes())
    names = [
        node.name
        for graph in proto.meta_graphs
        for function in graph.graph_def.library.function
        for node in function.node_def
        if node.op in CONTROL_FLOW
    ]
    if names:
        raise ExportError(
            f"{_layers(names, model)} runs a loop or a branch, which cannot be quantized to "
            f"integers. {UNROLL}; or export with quantize='dynamic'."
        )


def explain(error: Exception, model: Any, quantize: str | None) -> ExportError:
    """The converter's exception as one `ExportError` that names operators, layers and a way out."""
    details = [entry for entry in getattr(error, "errors", []) if entry.operator.name]
    operators = sorted({entry.operator.name.removeprefix("tf.") for entry in details} - {"Const"})
    if not operators:
        return ExportError(
            f"The TFLite converter refused the model {model.name!r}: {_first_line(error)}"
        )
    names = [call.name for entry in details for call in entry.location.call]
    listed = ", ".join(operators)
    if any(operator.startswith("TensorList") for operator in operators):
        way_out = f"{UNROLL}, or fix the batch with batch=1."
    elif quantize == "int16x8":
        way_out = "Use quantize='int8', which has more operators."
    else:
        way_out = (
            "Write the layer with operators that TFLite has "
            "(https://ai.google.dev/edge/litert/models/ops_compatibility)."
        )
    return ExportError(
        f"{_layers(names, model)} uses {listed}, which TFLite does not have without the Flex "
        f"delegate. {way_out}"
    )


def _layers(names: Iterable[str], model: Any) -> str:
    """'The layer X' or 'The layers X, Y'; the model where no layer can be told."""
    paths = layer_paths(model)
    found = dict.fromkeys(display(path) for name in names for path in layers_in(name, paths))
    if not found:
        return f"The model {model.name!r}"
    listed = ", ".join(map(repr, found))
    return f"The layer {listed}" if len(found) == 1 else f"The layers {listed}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
