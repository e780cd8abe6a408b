"""The dataflow graph: what TensorFlow runs when a model is called.

    python examples/dataflow_graph.py

Operations are nodes, the tensors that pass between them are edges. Before it runs, TensorFlow's
optimizer, Grappler, fuses operations, calculates what is constant, and removes what nobody needs.
"""

import keras
import numpy as np
import tensorflow as tf

import kerazoo

image = keras.Input((16, 16, 3), name="image")
x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(image)
x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
model = keras.Model(image, keras.layers.Dense(10, name="head")(x), name="small")


def standardize(x: tf.Tensor) -> tf.Tensor:
    """Written for people: constants that are calculated, the same square root twice."""
    variance = tf.constant(4.0) * tf.constant(16.0)
    return (x - 2.0) / tf.sqrt(variance) + 0.0 * tf.sqrt(variance)


def halve(x: tf.Tensor) -> tf.Tensor:
    while tf.reduce_max(x) > 1.0:  # depends on a tensor, so AutoGraph makes it part of the graph
        x = x / 2.0
    return x


if __name__ == "__main__":
    graph = kerazoo.inspect.graph(model)
    print(f"{len(graph.nodes)} nodes, {len(graph.edges)} edges, {len(graph.variables)} variables")
    for node in graph.nodes:
        if "conv" in node.scope:
            print(f"  {node.op:15} {', '.join(str(tensor) for tensor in node.outputs)}")

    print(f"after Grappler {len(graph.after.nodes)} nodes, {len(graph.after.edges)} edges")
    for operations in graph.changes.fused:
        print(f"  {' + '.join(operations)} are one operation now")
    graph.save("before.svg")
    graph.after.save("after.svg")

    # The same for any function of tensors. What it gives stays the same.
    x = tf.constant(np.arange(4), tf.float32)
    found = kerazoo.inspect.graph(standardize, x)
    print("standardize, before:", [node.op for node in found.nodes])
    print("             after: ", [node.op for node in found.after.nodes])

    loop = kerazoo.inspect.graph(halve, x)
    inside = [node for node in loop.nodes if node.functions]
    print("a loop is a node,", inside[0].op, "with functions of its own:", *inside[0].functions)
    print("halve gives", tf.function(halve)(x).numpy())
