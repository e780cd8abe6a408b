"""TensorFlow 1's "Deep MNIST" graph, trained and saved by tf.train.Saver, becomes `mnist_cnn`.

    python examples/tf1_mnist_to_keras3.py

Uses MNIST where it is at hand, else digits that pip packages carry; half a minute on two cores.
"""

import numpy as np
import tensorflow as tf

import kerazoo
from kerazoo.errors import DataError

tf1 = tf.compat.v1


def weights(shape):
    return tf1.Variable(tf1.truncated_normal(shape, stddev=0.1, seed=1), use_resource=False)


def bias(size):
    return tf1.Variable(tf.constant(0.1, shape=[size]), use_resource=False)


def block(x, channels, filters):
    x = tf.nn.relu(tf.nn.conv2d(x, weights([5, 5, channels, filters]), 1, "SAME") + bias(filters))
    return tf.nn.max_pool2d(x, 2, 2, "SAME")


# Digits to learn from, and others to be tested on.
images, labels = kerazoo.datasets.load_numpy("mnist", "train")
try:
    test_images, test_labels = kerazoo.datasets.load_numpy("mnist", "test")
except DataError:
    test_images, test_labels = kerazoo.datasets.load_numpy("digits", "test")

# The graph: placeholders, variables without names of their own, dropout by `keep_prob`.
with tf.Graph().as_default(), tf1.Session() as session:
    tf1.set_random_seed(0)
    image = tf1.placeholder(tf.float32, [None, 28, 28, 1], "image")
    label = tf1.placeholder(tf.int64, [None], "label")
    keep_prob = tf1.placeholder_with_default(1.0, [], "keep_prob")
    with tf1.name_scope("conv1"):
        x = block(image / 255.0, 1, 32)
    with tf1.name_scope("conv2"):
        x = block(x, 32, 64)
    with tf1.name_scope("fc1"):
        x = tf.reshape(x, [-1, 7 * 7 * 64])
        x = tf.nn.relu(tf.matmul(x, weights([7 * 7 * 64, 1024])) + bias(1024))
    x = tf1.nn.dropout(x, rate=1 - keep_prob, seed=2)
    with tf1.name_scope("fc2"):
        logits = tf.add(tf.matmul(x, weights([1024, 10])), bias(10), name="logits")
    loss = tf1.losses.sparse_softmax_cross_entropy(label, logits)
    step = tf1.train.AdamOptimizer(1e-3).minimize(loss)

    session.run(tf1.global_variables_initializer())
    rows = np.random.default_rng(0)
    for _ in range(100):
        batch = rows.integers(0, len(images), 50)
        feed = {image: images[batch], label: labels[batch], keep_prob: 0.5}
        session.run(step, feed)
    prefix = tf1.train.Saver().save(session, "deep_mnist.ckpt", 100)
    old = np.concatenate(
        [session.run(logits, {image: test_images[i : i + 500]}) for i in range(0, 1000, 500)]
    )

# The same network by name, without weights: which variable is which is found out, then proven.
model = kerazoo.get("mnist_cnn", weights=None)
print(kerazoo.convert.infer_mapping(prefix, model))
kerazoo.convert.from_tf1_checkpoint(
    prefix, model, compare=("image:0", "fc2/logits:0"), confirm=lambda mapping: True
)
new = model.predict(test_images[:1000], verbose=0)
same = np.mean(old.argmax(-1) == new.argmax(-1))
accuracy = np.mean(new.argmax(-1) == test_labels[: len(new)])
print(f"same predictions on {same:.1%} of {len(new)} test images, {accuracy:.1%} correct")
