"""`graph`: the TensorFlow graph behind a model or a function."""

from __future__ import annotations

from typing import Any

from kerazoo.inspect._graph_reader import read_function
from kerazoo.inspect._tracing import check_backend, trace
from kerazoo.inspect.dataflow import Graph


def graph(model_or_function: Any, *inputs: Any) -> Graph:
    """The dataflow graph that TensorFlow traces, and what Grappler makes of it (`.after`).

    Args:
        model_or_function: a Keras model or layer (traced in inference mode), a `tf.function`, a
            concrete one, or a plain Python function of tensors, which AutoGraph reads.
        inputs: an example or a `tf.TensorSpec` for each argument, in any structure (list, dict);
            values are not used. A functional or Sequential model knows its own. A model that is
            not built yet is built by being traced.

    Raises:
        ConfigError: nothing to trace, an unbuilt model without inputs, another Keras backend.
        DataError: inputs that the model or function does not take.

    >>> import kerazoo
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="head")])
    >>> found = kerazoo.inspect.graph(model)
    >>> [node.op for node in found.nodes if "head" in node.scope and len(found.edges) > 4][-1]
    'BiasAdd'
    >>> [variable.name.split("/")[-1] for variable in found.variables]
    ['kernel', 'bias']
    >>> found.changes.fused
    {('MatMul', 'BiasAdd'): 1}
    """
    check_backend("`graph`")
    return read_function(trace(model_or_function, inputs))
