"""A cached teacher: the same training as with the teacher itself, and no other inputs unnoticed."""

import itertools
import shutil

import keras
import numpy as np
import pytest

from kerazoo import distill
from kerazoo.distribute import heartbeat
from kerazoo.errors import DataError

pytestmark = pytest.mark.usefixtures("tensorflow_backend")

_factors = itertools.count(1)
LOSSES = ["logits", distill.AttentionTransfer("conv", "conv")]


@pytest.fixture
def dataset(data):
    """24 samples in batches of 10, 10 and 4."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(data).batch(10)


@pytest.fixture
def teacher(make_net):
    return make_net(6, dropout=0.5, name="teacher")


@pytest.fixture
def cache(teacher, dataset, tmp_path, tmp_path_factory):
    """The folder of the teacher's outputs: a copy of one that is made once."""
    made = tmp_path_factory.getbasetemp() / "made_once" / "cache"
    if not made.exists():
        distill.cache_teacher(teacher, dataset, made)
    return shutil.copytree(made, tmp_path / "cache")


def train(teacher, student, dataset, cross_entropy, run_eagerly=False, **kwargs):
    distiller = distill.Distiller(teacher, student, LOSSES, **kwargs)
    distiller.compile(
        keras.optimizers.SGD(0.1), cross_entropy, metrics=["accuracy"], run_eagerly=run_eagerly
    )
    return distiller.fit(dataset, epochs=2, verbose=0, validation_data=dataset).history


def test_training_is_that_with_the_teacher(teacher, make_net, dataset, cross_entropy):
    """With the cache the teacher does not run: one of other weights changes nothing."""
    cached = distill.cache_teacher(teacher, dataset, layers=["conv"])
    live = train(teacher, make_net(3, seed=1), dataset, cross_entropy, run_eagerly=True)
    stranger = make_net(6, seed=9, name="stranger")
    shapes = {"final_output": (None, 4), "conv": (None, 6, 6, 6)}
    without = {"teacher_shapes": shapes, "run_eagerly": True}  # compiled once is enough
    for other, kwargs in ((stranger, {}), (None, without)):
        history = train(other, make_net(3, seed=1), cached, cross_entropy, **kwargs)
        assert history.keys() == live.keys()
        for name, values in live.items():
            assert history[name] == pytest.approx(values, rel=1e-5)


def test_what_is_cached_is_what_the_teacher_says(teacher, data, dataset):
    cached = distill.cache_teacher([teacher, teacher], dataset)
    expected = teacher.predict(data[0], verbose=0)
    batches = list(cached.as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), data[0])
    np.testing.assert_array_equal(np.concatenate([y["labels"] for _, y in batches]), data[1])
    for name in ("0/final_output", "1/final_output"):
        outputs = np.concatenate([y["teacher_outputs"][name] for _, y in batches])
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_sample_weights_and_missing_labels_pass(teacher, data):
    import tensorflow as tf

    x, y = data
    whole = tf.data.Dataset.from_tensor_slices((x, y, np.arange(24.0))).batch(10)
    *_, weights = next(iter(distill.cache_teacher(teacher, whole)))
    assert weights.numpy().tolist() == list(range(10))
    bare = tf.data.Dataset.from_tensor_slices(x).batch(10)
    _, targets = next(iter(distill.cache_teacher(teacher, bare)))
    assert targets["labels"] is None


def test_samples_keep_their_outputs_when_shuffled(teacher, data, dataset):
    cached = distill.cache_teacher(teacher, dataset)
    expected = {
        x.tobytes(): row
        for x, row in zip(data[0], teacher.predict(data[0], verbose=0), strict=True)
    }
    batches = list(cached.unbatch().shuffle(24, seed=0).batch(7).as_numpy_iterator())
    rows = [
        row
        for x, y in batches
        for row in zip(x, y["teacher_outputs"]["0/final_output"], strict=True)
    ]
    assert len(rows) == 24
    assert rows[0][0].tobytes() != data[0][0].tobytes()
    for x, outputs in rows:
        np.testing.assert_allclose(outputs, expected[x.tobytes()], rtol=1e-5, atol=1e-6)


def test_the_teacher_runs_once(teacher, dataset, tmp_path, monkeypatch):
    """With an existing cache on one batch only, to see that it is still the same."""
    from kerazoo.distill._keras_teacher import KerasTeacher

    calls = []
    run = KerasTeacher.run
    monkeypatch.setattr(KerasTeacher, "run", lambda self, x: calls.append(len(x)) or run(self, x))
    cached = distill.cache_teacher(teacher, dataset, tmp_path / "cache")
    for _ in range(3):
        list(cached)
    assert calls == [10, 10, 4, 10]  # the last: what was written is compared once
    distill.cache_teacher(teacher, dataset, tmp_path / "cache")
    assert calls == [10, 10, 4, 10, 10]


def test_another_process_finds_the_cache(teacher, make_net, dataset, tmp_path):
    """There the same weights stand in another object, whose dropout draws other numbers."""
    distill.cache_teacher(teacher, dataset, tmp_path / "cache")
    keras.utils.set_random_seed(99)
    again = make_net(6, dropout=0.5, seed=7, name="teacher")
    again.set_weights(teacher.get_weights())
    states = [np.asarray(v) for net in (teacher, again) for v in net.variables if "seed" in v.path]
    assert len(states) == 2
    assert np.any(states[0] != states[1])
    distill.cache_teacher(again, dataset, tmp_path / "cache")


def test_without_a_path_the_folder_is_a_temporary_one(teacher, dataset, tmp_path, monkeypatch):
    """Removed when the process ends, as all of `tempfile.TemporaryDirectory` are."""
    from kerazoo.distill.cache_teacher import _temporary

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    distill.cache_teacher(teacher, dataset)
    files = sorted(path.name for path in tmp_path.glob("kerazoo_teacher_*/cache/*"))
    assert files == ["cache.json", "hashes.npy", "output_0.npy", "rows.npy"]
    _temporary.pop().cleanup()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.shuffle(3, seed=0), "other inputs than the teacher saw"),
        (lambda d: d.map(_jitter), "shuffling and augmentation out before cache_teacher"),
        (lambda d: d.take(2), "ends after 2 batches; the teacher saw 3"),
        (lambda d: d.repeat(2), "Batch 3 holds other inputs"),
        (lambda d: d.unbatch().batch(8), "Batch 0 holds other inputs"),
        (lambda d: d.take(0), "ends after 0 batches"),
    ],
)
def test_other_data_is_refused(teacher, dataset, cache, change, words):
    with pytest.raises(DataError, match=words) as caught:
        distill.cache_teacher(teacher, change(dataset), cache)
    assert "\n" not in str(caught.value)


def _jitter(x, y):
    """Another distortion whenever it runs. (TensorFlow's own draws repeat once a seed is set.)"""
    import tensorflow as tf

    factor = tf.numpy_function(lambda: np.float32(next(_factors)), [], tf.float32)
    return x * factor, y


def test_augmentation_is_noticed_at_once_and_can_be_fixed(teacher, dataset):
    augmented = dataset.map(_jitter)
    with pytest.raises(DataError, match=r"dataset\.cache\(\)"):
        distill.cache_teacher(teacher, augmented)
    assert len(list(distill.cache_teacher(teacher, augmented.repeat(2).cache()))) == 6


def test_inputs_that_change_later_are_noticed_in_that_epoch(teacher, data):
    import tensorflow as tf

    x = tf.Variable(data[0])
    batches = tf.data.Dataset.range(2).map(lambda i: (x[10 * i : 10 * i + 10], i))
    cached = distill.cache_teacher(teacher, batches)
    assert len(list(cached)) == 2
    x[13, 0, 0, 0].assign(7.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not those that the teacher saw"):
        list(cached)


def test_another_teacher_is_refused(teacher, make_net, dataset, cache):
    with pytest.raises(DataError, match="of another teacher"):
        distill.cache_teacher(make_net(6, seed=5), dataset, cache)
    same_weights = keras.Sequential([teacher, keras.layers.Rescaling(2.0)])
    with pytest.raises(DataError, match="of another teacher"):
        distill.cache_teacher(same_weights, dataset, cache)
    with pytest.raises(DataError, match=r"lacks \['0/conv'\]; it holds"):
        distill.cache_teacher(teacher, dataset, cache, layers=["conv"])


def test_losses_that_need_more_than_is_cached_say_so(teacher, make_net, dataset, cross_entropy):
    cached = distill.cache_teacher(teacher, dataset)
    with pytest.raises(DataError, match=r"layers \['conv'\].*cache_teacher"):
        train(teacher, make_net(3), cached, cross_entropy)
    two = distill.cache_teacher([teacher, teacher], dataset, layers=["conv"])
    with pytest.raises(DataError, match="outputs of 2 teachers; this distiller expects 1"):
        train(teacher, make_net(3), two, cross_entropy)


@pytest.mark.parametrize("file", ["cache.json", "rows.npy", "hashes.npy", "output_0.npy"])
@pytest.mark.parametrize("keep", [0, 0.5, None])
def test_a_damaged_cache_is_one_error(teacher, dataset, cache, file, keep):
    content = (cache / file).read_bytes()
    (cache / file).unlink()
    if keep is not None:
        (cache / file).write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DataError, match="no whole cache"):
        distill.cache_teacher(teacher, dataset, cache)


def test_more_rows_than_the_header_says_are_noticed(teacher, dataset, cache):
    with (cache / "output_0.npy").open("ab") as file:
        file.write(bytes(16))
    with pytest.raises(DataError, match="no whole cache"):
        distill.cache_teacher(teacher, dataset, cache)


@pytest.mark.parametrize("lengths", [(3, 5, 5), (5, 3, 3)])
def test_outputs_of_unequal_lengths_are_refused(lengths, tmp_path):
    """Batches padded each to its own length: rows in the file would belong to other samples."""
    import tensorflow as tf

    inputs = keras.Input((None, 2))
    hidden = keras.layers.Dense(4, name="h")(inputs)
    teacher = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(hidden))
    batches = [tf.data.Dataset.from_tensors(tf.ones((2, n, 2))) for n in lengths]
    dataset = batches[0].concatenate(batches[1]).concatenate(batches[2])
    with pytest.raises(DataError, match="Pad the inputs to one length"):
        distill.cache_teacher(teacher, dataset, tmp_path / "cache", layers=["h"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_outputs_in_half_precision(make_net, data, dataset, policy):
    """NumPy's files have no bfloat16: it is kept as float32, without loss."""
    teacher = make_net(6, dtype=policy)
    x, y = next(iter(distill.cache_teacher(teacher, dataset)))
    stored = y["teacher_outputs"]["0/final_output"].numpy()
    expected = np.asarray(teacher.predict_on_batch(x.numpy()))
    assert stored.dtype == ("float16" if policy == "mixed_float16" else "float32")
    np.testing.assert_allclose(stored, expected.astype("float32"), rtol=1e-2, atol=1e-2)


def test_a_strangers_folder_is_left_alone(teacher, dataset, tmp_path):
    (tmp_path / "thesis.txt").write_text("unrelated")
    with pytest.raises(DataError, match="no whole cache"):
        distill.cache_teacher(teacher, dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_cache_appears_whole_or_not_at_all(teacher, data, tmp_path):
    import tensorflow as tf

    x, _ = data
    bad = tf.data.Dataset.from_tensor_slices(x).batch(10).map(_fail_on_small)
    with pytest.raises(tf.errors.InvalidArgumentError):
        distill.cache_teacher(teacher, bad, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def _fail_on_small(x):
    import tensorflow as tf

    with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(x)[0], 10)]):
        return tf.identity(x)


def test_data_that_cannot_be_cached_is_one_line(teacher, data, dataset):
    with pytest.raises(DataError, match="never ends"):
        distill.cache_teacher(teacher, dataset.repeat())
    with pytest.raises(DataError, match=r"must be a tf\.data\.Dataset"):
        distill.cache_teacher(teacher, data)
    with pytest.raises(DataError, match="is empty"):
        distill.cache_teacher(teacher, dataset.take(0))
    with pytest.raises(DataError, match=r"does not take elements of shape \(8, 8, 3\)"):
        distill.cache_teacher(teacher, dataset.unbatch())


def test_a_cache_is_no_file(teacher, dataset, tmp_path):
    (tmp_path / "cache").write_text("mine")
    with pytest.raises(DataError, match="is a file; a cache is a folder"):
        distill.cache_teacher(teacher, dataset, tmp_path / "cache")


def test_a_damaged_teacher_is_one_line(make_net, tmp_path):
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="`teacher`: cannot load") as error:
        distill.Distiller(tmp_path / "cut.keras", make_net(3), "logits")
    assert "\n" not in str(error.value)


def test_one_weight_may_be_a_number(teacher, make_net):
    distiller = distill.Distiller(teacher, make_net(3), "logits", teacher_weights=2.0)
    assert distiller.get_config()["teacher_weights"] == [1.0]


def test_files_as_teachers(teacher, make_net, data, dataset, cross_entropy, tmp_path):
    """The .keras file, the SavedModel and the .tflite file of one model say the same."""
    import kerazoo

    teacher.save(tmp_path / "teacher.keras")
    kerazoo.export(teacher, tmp_path / "saved")
    kerazoo.export(teacher, tmp_path / "teacher.tflite")
    expected, histories = teacher.predict(data[0], verbose=0), []
    for source in (teacher, *(tmp_path / n for n in ("teacher.keras", "saved", "teacher.tflite"))):
        distiller = distill.Distiller(source, make_net(3, seed=1), "logits")
        distiller.compile(keras.optimizers.SGD(0.1), cross_entropy)
        histories.append(distiller.fit(dataset, verbose=0).history["distillation_loss"])
        batches = distill.cache_teacher(source, dataset).as_numpy_iterator()
        cached = [y["teacher_outputs"]["0/final_output"] for _, y in batches]
        np.testing.assert_allclose(np.concatenate(cached), expected, rtol=1e-4, atol=1e-5)
    for history in histories[1:]:
        assert history == pytest.approx(histories[0], rel=1e-4)
    shutil.rmtree(tmp_path / "saved" / "variables")
    with pytest.raises(DataError, match="cannot be read"):
        distill.Distiller(tmp_path / "saved", make_net(3), "logits")


class _Sum:
    """Makes a SavedModel folder whose signature adds up its inputs."""

    def __init__(self, path, **dtypes):
        import tensorflow as tf

        module = tf.Module()
        specs = {name: tf.TensorSpec([None, 2], dtype, name) for name, dtype in dtypes.items()}
        module.call = tf.function(
            lambda **inputs: {"out": sum(tf.cast(v, "float32") for v in inputs.values())}
        )
        tf.saved_model.save(module, str(path), module.call.get_concrete_function(**specs))


def test_fractions_are_not_cut_to_a_files_integers(tmp_path):
    import tensorflow as tf

    _Sum(tmp_path / "saved", pixels="uint8")
    x = np.array([[0.5, 0.9], [7, 255]])
    bytes_ = tf.data.Dataset.from_tensors(x.astype("int32"))
    _, y = next(iter(distill.cache_teacher(tmp_path / "saved", bytes_)))
    np.testing.assert_array_equal(y["teacher_outputs"]["0/final_output"], [[0, 0], [7, 255]])
    with pytest.raises(DataError, match="'pixels' is uint8. Received: float32"):
        distill.cache_teacher(tmp_path / "saved", tf.data.Dataset.from_tensors(x.astype("float32")))


def test_several_inputs_of_a_file_come_by_name(tmp_path):
    import tensorflow as tf

    _Sum(tmp_path / "saved", b="float32", a="float32")
    x = np.ones((2, 2), "float32")
    named = tf.data.Dataset.from_tensors({"a": x, "b": 2 * x})
    _, y = next(iter(distill.cache_teacher(tmp_path / "saved", named)))
    np.testing.assert_array_equal(y["teacher_outputs"]["0/final_output"], 3 * x)
    unnamed = tf.data.Dataset.from_tensors(((x, 2 * x), x))
    with pytest.raises(DataError, match=r"by these names.*2 without names"):
        distill.cache_teacher(tmp_path / "saved", unnamed)


def test_a_teacher_that_runs_is_a_sign_of_life(teacher, dataset, tmp_path, monkeypatch):
    monkeypatch.setenv(heartbeat.VARIABLE, str(tmp_path / "beat"))
    distill.cache_teacher(teacher, dataset)
    assert heartbeat.last_beat(tmp_path / "beat").step == 0
