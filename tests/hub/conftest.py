"""SavedModels of every kind that is published, small and made here."""

import os
import shutil

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Each test has a cache of its own, and trusts nobody yet."""
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    for name in ("_folders", "_operations", "_carried"):
        monkeypatch.setattr(f"kerazoo.hub.trusted.{name}", {})


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory):
    """Call it with a kind: the folder of that SavedModel, made once."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("needs KERAS_BACKEND=tensorflow")
    folder = tmp_path_factory.mktemp("saved_models")

    def made(kind):
        if not (folder / kind).exists():
            _MAKERS[kind](str(folder / kind))
        return str(folder / kind)

    return made


@pytest.fixture
def own_copy(saved_models, tmp_path):
    """As `saved_models`, a copy that the test may change or remove."""

    def copied(kind):
        target = tmp_path / f"copy_of_{kind}"
        shutil.copytree(saved_models(kind), target)
        return target

    return copied


def features(rows=5, seed=0):
    """Inputs of all kinds that take numbers: float32 `(rows, 4)`."""
    return np.random.default_rng(seed).normal(size=(rows, 4)).astype("float32")


@pytest.fixture
def rows():
    return features


def _reusable(folder):
    """The reusable interface: `training`, three variables, a regularization loss."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            rng = np.random.default_rng(1)
            self.kernel = tf.Variable(rng.normal(size=(4, 3)).astype("f"), name="dense/kernel")
            self.bias = tf.Variable(rng.normal(size=3).astype("f"), name="dense/bias")
            self.mean = tf.Variable(np.full(3, 0.5, "f"), trainable=False, name="norm/mean")
            self.listed = [self.kernel, self.bias, self.mean]
            self.regularization_losses = [self._penalty]

        @tf.function(input_signature=[])
        def _penalty(self):
            return 0.01 * tf.reduce_sum(self.kernel**2)

        @tf.function
        def __call__(self, inputs, training=False, scale=1.0):
            outputs = inputs @ self.kernel + self.bias
            if not training:
                return scale * (outputs - self.mean)
            mean = tf.reduce_mean(outputs, axis=0)
            self.mean.assign(0.9 * self.mean + 0.1 * mean)
            return scale * (outputs - mean)

    module = Module()
    spec = tf.TensorSpec((None, 4))
    for training in (True, False):
        module.__call__.get_concrete_function(spec, training=training)
    module.__call__.get_concrete_function(spec, training=False, scale=2.0)
    _save_with_lists(module, folder, module.listed, module.listed[:2])


def _save_with_lists(module, folder, variables, trainable):
    """What the reusable interface asks for: lists under these very names.

    `tf.Module` has properties of these names, which are not saved: a plain object is.
    """
    import tensorflow as tf

    root = tf.train.Checkpoint()
    root.variables = variables
    root.trainable_variables = trainable
    root.regularization_losses = getattr(module, "regularization_losses", [])
    root.__call__ = module.__call__
    root.module = module
    tf.saved_model.save(root, folder)


def _dictionary(folder):
    """A dict of outputs from a dict of inputs, and no variables listed."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable([1.0, 2.0, 3.0, 4.0], name="scale")

        @tf.function(
            input_signature=[{"a": tf.TensorSpec((None, 4)), "b": tf.TensorSpec((None, 4))}]
        )
        def __call__(self, inputs):
            total = inputs["a"] + self.scale * inputs["b"]
            return {"sum": total, "mean": tf.reduce_mean(total, axis=-1)}

    tf.saved_model.save(Module(), folder)


def _several(folder):
    """A list of outputs; images of any size."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            kernel = np.random.default_rng(2).normal(size=(3, 3, 3, 2)).astype("f")
            self.kernel = tf.Variable(kernel, name="kernel")

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
        def __call__(self, images):
            maps = tf.nn.conv2d(images, self.kernel, 2, "SAME")
            return [maps, tf.reduce_mean(maps, axis=[1, 2])]

    tf.saved_model.save(Module(), folder)


def _keras3(folder):
    """What Keras 3 exports: signatures, and an object that cannot be called."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(2, name="last"),
        ]
    )
    model.export(folder, verbose=False)


def _text(folder):
    """Texts in, the mean of their words' embeddings out; the words are an asset."""
    import tensorflow as tf

    words = f"{folder}_words.txt"
    with open(words, "w") as file:
        file.write("good\nbad\nugly\n")

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.table = tf.lookup.StaticVocabularyTable(_initializer(words), 1)
            values = np.random.default_rng(3).normal(size=(4, 3)).astype("f")
            self.embeddings = tf.Variable(values, name="embeddings")

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
        def __call__(self, texts):
            ids = self.table.lookup(tf.strings.split(texts))
            look_up = tf.nn.embedding_lookup
            vectors = tf.ragged.map_flat_values(look_up, self.embeddings, ids)
            return tf.reduce_mean(vectors, axis=1)

    tf.saved_model.save(Module(), folder)
    os.remove(words)


def _initializer(file):
    import tensorflow as tf

    index = tf.lookup.TextFileIndex
    return tf.lookup.TextFileInitializer(
        file, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )


def _tf1(folder):
    """TF1 Hub format: signatures "default" (two outputs) and "doubled", a table, no tags."""
    import tensorflow as tf

    v1 = tf.compat.v1
    words = f"{folder}_words.txt"
    with open(words, "w") as file:
        file.write("one\ntwo\n")
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = v1.placeholder(tf.float32, (None, 4), name="features")
        values = np.random.default_rng(4).normal(size=(4, 3)).astype("f")
        kernel = v1.get_variable("kernel", initializer=values)
        table = tf.lookup.StaticHashTable(_initializer(tf.constant(words)), -1)
        two = tf.cast(table.lookup(tf.constant("two")), tf.float32)
        outputs = inputs @ kernel * two
        session.run(v1.global_variables_initializer())
        info = v1.saved_model.utils.build_tensor_info

        def signature(**named):
            return v1.saved_model.signature_def_utils.build_signature_def(
                {"features": info(inputs)}, {key: info(one) for key, one in named.items()}, "hub"
            )

        builder = v1.saved_model.Builder(folder)
        builder.add_meta_graph_and_variables(
            session,
            [],
            signature_def_map={
                "default": signature(default=outputs, hidden=tf.tanh(outputs)),
                "doubled": signature(default=2.0 * outputs),
            },
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
        )
        builder.save()
    with open(f"{folder}/tfhub_module.pb", "wb") as file:
        file.write(b"\x08\x03")  # FORMAT_V3
    os.remove(words)


_MAKERS = {
    "reusable": _reusable,
    "dictionary": _dictionary,
    "several": _several,
    "keras3": _keras3,
    "text": _text,
    "tf1": _tf1,
}
