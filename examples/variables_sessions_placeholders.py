"""Variables, sessions and placeholders: the same graph as TensorFlow 1 and as Keras 3 write it.

    python examples/variables_sessions_placeholders.py

Then: build a graph, feed its placeholders, run it in a session. Now: call a function. Same numbers.
"""

import keras
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
y = x @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.25
start = np.full((3, 1), 0.1, "float32")
RATE, STEPS = 0.1, 50


def tensorflow_1() -> tuple[np.ndarray, float]:
    """Nothing is computed until `run`; a variable exists once the session has initialized it."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        features = tf.compat.v1.placeholder(tf.float32, (None, 3), name="features")
        target = tf.compat.v1.placeholder(tf.float32, (None, 1), name="target")
        weights = tf.compat.v1.Variable(start, name="weights")
        bias = tf.compat.v1.Variable([0.0], name="bias")
        loss = tf.reduce_mean((features @ weights + bias - target) ** 2)
        step = tf.compat.v1.train.GradientDescentOptimizer(RATE).minimize(loss)
        session.run(tf.compat.v1.global_variables_initializer())
        for _ in range(STEPS):
            session.run(step, {features: x, target: y})
        return session.run(weights), session.run(loss, {features: x, target: y})


def keras_3() -> tuple[np.ndarray, float]:
    """The placeholder is an argument, the variable an object, the session is gone."""
    dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.1))
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    return np.asarray(dense.kernel), model.evaluate(x, y, verbose=0)


if __name__ == "__main__":
    then, loss_then = tensorflow_1()
    now, loss_now = keras_3()
    print("weights then:", then.ravel())
    print("weights now: ", now.ravel())
    print(f"loss then {loss_then:.6f}, now {loss_now:.6f}")
    np.testing.assert_allclose(now, then, rtol=1e-5)
    print("same numbers")
