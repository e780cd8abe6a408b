"""`kerazoo.fine_tune`: what is trained when, from which data, and what is left at the end."""

import functools
import json

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import Augment
from kerazoo.errors import ConfigError, DataError, RunError, UnknownNameError
from kerazoo.labels_file import read_labels
from kerazoo.training import fine_tuning, lora
from kerazoo.training.fine_tune_data import augmentation
from kerazoo.training.labelled_data import labelled_data
from kerazoo.training.new_run_folder import new_run_folder
from kerazoo.training.steps import MixedSampleAugment
from kerazoo.training.training_batches import TrainingBatches
from kerazoo.training.transfer_model import transfer_model
from kerazoo.training.unfreezing import depth_factors, unfreeze

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def spots(count=60, side=12, seed=0):
    """Grey noise with a bright spot; its corner is the class, 0 to 2."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 60, (count, side, side, 3))
    for image, label in zip(images, labels, strict=True):
        top, left = ((0, 0), (0, side // 2), (side // 2, 0))[label]
        image[top : top + side // 2, left : left + side // 2] += 150
    return images.astype("uint8"), labels


def small_network(classes=7, seed=1):
    """Two convolutions with normalization, pooled, and a head."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Rescaling(1 / 255, name="scale")(inputs)
    for number in (1, 2):
        x = keras.layers.Conv2D(8, 3, strides=2, padding="same", name=f"conv_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.ReLU(name=f"relu_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(0.1, name="drop")(x)
    return keras.Model(inputs, keras.layers.Dense(classes, name="old")(x), name="small")


def weights_of(model):
    return {variable.path: np.array(variable) for variable in model.weights}


def fine_tuned(folder, network=None, train=None, validation=None, **arguments):
    """`fine_tune` with quick settings."""
    network = small_network() if network is None else network
    settings = {"epochs": 4, "batch_size": 16, "augment": None, "learning_rate": 1e-2}
    return kerazoo.fine_tune(
        network,
        spots() if train is None else train,
        spots(30, seed=5) if validation is None else validation,
        output_dir=folder,
        progress=False,
        **{**settings, **arguments},
    )


@pytest.fixture
def tune(tmp_path):
    """`fine_tuned` in a folder of its own."""
    return functools.partial(fine_tuned, tmp_path / "run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Head and two stages: the result, the weights before, and the layers that stages trained."""
    trained = []
    original = fine_tuning.unfreeze

    def watched(body, share):
        original(body, share)
        trained.append(sorted({v.path.split("/")[0] for v in body.trainable_variables}))

    network = small_network()
    before = weights_of(network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tuning, "unfreeze", watched)
        folder = tmp_path_factory.mktemp("whole") / "run"
        result = fine_tuned(folder, network, head_epochs=20, epochs=2)
    return result, before, trained


@pytest.fixture(scope="module")
def head_alone(tmp_path_factory):
    """The result, and the weights before."""
    network = small_network()
    before = weights_of(network)
    folder = tmp_path_factory.mktemp("head_alone") / "run"
    return fine_tuned(folder, network, head_epochs=2, epochs=0), before


def test_it_learns_and_reports_what_the_model_does(whole):
    result, *_ = whole
    images, labels = spots(30, seed=5)
    logits = result.model.predict(images, verbose=0)
    accuracy = (logits.argmax(-1) == labels).mean()
    assert accuracy > 0.9
    assert result.metrics["val_accuracy"] == pytest.approx(accuracy)
    measured = kerazoo.evaluate(result.model, (images, labels))
    assert measured["loss"] == pytest.approx(result.metrics["val_loss"], rel=1e-4)
    assert result.metrics["val_loss"] == min(result.history["val_loss"])
    assert {len(values) for values in result.history.values()} == {len(result.history["loss"])}
    assert sorted(set(result.history["unfrozen"])) == [0.0, 0.5, 1.0]
    assert all(layer.trainable for layer in result.model.layers)
    loaded = keras.saving.load_model(result.run_dir / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), logits, rtol=1e-5, atol=1e-5)
    assert json.loads((result.run_dir / "metrics.json").read_text()) == result.metrics


def test_several_workers_are_refused_before_each_trains_all_of_it(tune, tmp_path, monkeypatch):
    workers = ("127.0.0.1:1", "127.0.0.1:2")
    monkeypatch.setenv("TF_CONFIG", kerazoo.distribute.Cluster(workers, index=1).tf_config())
    with pytest.raises(ConfigError, match=r"one process. Received: 2 of them \(TF_CONFIG\)"):
        tune(epochs=0, head_epochs=1)
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("TF_CONFIG", kerazoo.distribute.Cluster(workers[:1], index=0).tf_config())
    tune(epochs=0, head_epochs=1)  # as `launch --workers 1` starts it


@pytest.mark.slow
def test_mixed_samples_train_the_same_network(tune, monkeypatch):
    from kerazoo.training import fine_tuning

    compiled = []
    original = fine_tuning.FineTuning.compile
    monkeypatch.setattr(
        fine_tuning.FineTuning,
        "compile",
        lambda self, model, optimizer: (compiled.append(model), original(self, model, optimizer)),
    )
    result = tune(head_epochs=2, epochs=8, unfreeze=1.0, mix="cutmix", patience=9)
    mixing = [model for model in compiled if isinstance(model, MixedSampleAugment)]
    assert [model.method for model in mixing] == ["cutmix"]
    assert type(result.model) is type(small_network())
    assert result.history["val_loss"][-1] < result.history["val_loss"][2]
    with pytest.raises(UnknownNameError, match="'cutmx'. Did you mean 'cutmix'"):
        tune(mix="cutmx")


@pytest.mark.slow
def test_smoothed_labels_are_in_the_loss_of_all_stages(tune):
    result = tune(head_epochs=3, epochs=2, label_smoothing=0.2)
    images, labels = spots(30, seed=5)
    logits = result.model.predict(images, verbose=0)
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    expected = float(smoothed(keras.ops.one_hot(labels, logits.shape[-1]), logits))
    assert result.metrics["val_loss"] == pytest.approx(expected, rel=1e-4)
    assert min(result.history["val_loss"]) == pytest.approx(expected, rel=1e-4)


def test_a_frozen_network_stays_what_it_is(head_alone):
    result, before = head_alone
    after = weights_of(result.model)
    for path, value in before.items():
        if not path.startswith("old"):
            np.testing.assert_array_equal(after[path], value)
    assert set(result.history["unfrozen"]) == {0.0}


def test_stages_train_from_the_head_down_and_never_the_averages(whole):
    result, before, trained = whole
    assert trained == [["conv_2"], ["conv_1", "conv_2"]]
    after = weights_of(result.model)
    for path in ("norm_1/moving_mean", "norm_2/moving_variance", "norm_1/gamma"):
        np.testing.assert_array_equal(after[path], before[path])


def test_rates_rise_geometrically_to_the_head():
    network = small_network()
    body = keras.Model(network.input, network.get_layer("flatten").output)
    unfreeze(body, 1.0)
    factors = depth_factors(body, lowest=0.1)
    assert factors == pytest.approx(  # four layers with weights: conv, norm, conv, norm
        {
            "conv_1/kernel": 0.1,
            "conv_1/bias": 0.1,
            "conv_2/kernel": 0.1 ** (1 / 3),
            "conv_2/bias": 0.1 ** (1 / 3),
        }
    )


def test_the_head_learns_from_features_of_the_frozen_network(tune, monkeypatch):
    """The network runs once over each part and each distorted copy, however many epochs."""
    from kerazoo.training import frozen_features

    seen = []
    original = frozen_features._features

    def watched(run, data, copies):
        features = original(run, data, copies)
        seen.append((copies, features))
        return features

    monkeypatch.setattr(frozen_features, "_features", watched)
    network = small_network()
    expected = keras.Model(network.input, network.get_layer("flatten").output)(spots()[0])
    tune(network, epochs=0, head_epochs=3, augment=Augment(shift=0.2))
    (copies, training), (none, validation) = seen
    assert (copies, none) == (2, 0)
    assert len(training) == 3 * 60
    assert len(validation) == 30
    np.testing.assert_allclose(training.inputs[:60], expected, rtol=1e-4, atol=1e-5)
    assert np.abs(training.inputs[60:120] - training.inputs[:60]).max() > 1e-3
    assert np.abs(training.inputs[60:120] - training.inputs[120:]).max() > 1e-3
    np.testing.assert_array_equal(training.labels, np.tile(spots()[1], 3))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(tmp_path):
    def run(seed, folder):
        result = kerazoo.fine_tune(
            small_network(),
            spots(),
            0.2,
            epochs=1,
            unfreeze=1.0,
            head_epochs=1,
            seed=seed,
            output_dir=tmp_path / folder,
            progress=False,
        )
        return result.model.predict(spots()[0][:4], verbose=0)

    first = run(3, "a")
    np.testing.assert_array_equal(first, run(3, "b"))
    assert np.abs(first - run(4, "c")).max() > 1e-3


def write_images(folder, images, labels, names):
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / names[label] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(__import__("tensorflow").io.encode_png(image).numpy()))


@pytest.mark.parametrize("form", ["dataset", "folder"])
def test_every_form_of_data_gives_the_same_features(form, tune, tmp_path, monkeypatch):
    import tensorflow as tf

    from kerazoo.training import frozen_features

    images, labels = spots(24)
    order = np.argsort(labels, kind="stable")  # as folders have them
    images, labels = images[order], labels[order]
    pairs = tf.data.Dataset.from_tensor_slices((images, labels))
    single, batched = (labelled_data(data, name="train") for data in (pairs, pairs.batch(7)))
    np.testing.assert_array_equal(batched.inputs, single.inputs)
    np.testing.assert_array_equal(batched.labels, single.labels)
    write_images(tmp_path / "images", images, labels, ["left", "right", "under"])
    given = {"dataset": pairs, "folder": tmp_path / "images"}[form]
    seen = []
    original = frozen_features._features
    monkeypatch.setattr(
        frozen_features, "_features", lambda *args: seen.append(original(*args)) or seen[-1]
    )
    network = small_network()
    expected = keras.Model(network.input, network.get_layer("flatten").output)(images)
    result = tune(network, given, spots(9), epochs=0, head_epochs=1)
    np.testing.assert_allclose(seen[0].inputs, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(seen[0].labels, labels)
    report = json.loads((result.run_dir / "report.json").read_text())
    named = ["left", "right", "under"] if form == "folder" else ["0", "1", "2"]
    assert list(report["classes"]) in (named, ["0", "1", "2"])


def test_a_tenth_of_each_class_is_held_out(tmp_path):
    from kerazoo.training.labelled_data import LabelledData, split

    labels = np.repeat([0, 1, 2], [100, 20, 5])
    data = LabelledData(np.arange(125)[:, None], labels)
    kept, held_out = split(data, 0.1, seed=0)
    assert np.bincount(held_out.labels).tolist() == [10, 2, 1]
    assert sorted([*kept.inputs[:, 0], *held_out.inputs[:, 0]]) == list(range(125))
    again = split(data, 0.1, seed=0)[1]
    np.testing.assert_array_equal(again.inputs, held_out.inputs)


@pytest.mark.slow
def test_classes_are_weighted_in_the_loss(tune):
    images, labels = spots(60)
    rare = np.flatnonzero((labels != 2) | (np.arange(60) < 12))  # four of class 2
    train = (images[rare], labels[rare])
    ignoring = tune(train=train, class_weights={2: 0.0}, epochs=0, head_epochs=30)
    report = json.loads((ignoring.run_dir / "report.json").read_text())
    assert report["classes"]["2"]["recall"] == 0.0
    assert report["classes"]["0"]["recall"] > 0.8


def test_balanced_weights_are_sklearns():
    from sklearn.utils.class_weight import compute_class_weight

    from kerazoo.training.training_batches import balanced

    labels = np.repeat([0, 1, 2], [30, 5, 10])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(balanced(labels, 3), expected)


def test_the_report_is_sklearns(head_alone):
    metrics = pytest.importorskip("sklearn.metrics")
    result, _ = head_alone
    images, labels = spots(30, seed=5)
    logits = result.model.predict(images, verbose=0)
    predicted = logits.argmax(-1)
    report = json.loads((result.run_dir / "report.json").read_text())
    assert report["confusion_matrix"] == metrics.confusion_matrix(labels, predicted).tolist()
    recall = metrics.recall_score(labels, predicted, average=None, zero_division=np.nan)
    assert [c["recall"] for c in report["classes"].values()] == pytest.approx(recall.tolist())
    mistakes = report["worst_mistakes"]
    assert len(mistakes) == min(24, (predicted != labels).sum())
    assert mistakes == sorted(mistakes, key=lambda one: -one["probability"])
    for one in mistakes:
        number = int(one["sample"])
        assert (one["label"], one["predicted"]) == (str(labels[number]), str(predicted[number]))
    pytest.importorskip("matplotlib")
    assert (result.run_dir / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    assert (result.run_dir / "worst_mistakes.png").exists() == bool(mistakes)


def test_a_head_of_as_many_classes_keeps_its_weights():
    network = small_network(classes=3)
    parts = transfer_model(network, 3, sample_shape=(12, 12, 3), image_size=None)
    images, _ = spots(6)
    np.testing.assert_allclose(parts.model(images), network(images), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        parts.head(parts.body(images)), parts.model(images), rtol=1e-5, atol=1e-5
    )


def test_an_activation_at_the_end_makes_room_for_logits():
    network = small_network(classes=3)
    softmax = keras.Model(network.input, keras.layers.Softmax()(network.output))
    parts = transfer_model(softmax, 3, sample_shape=(12, 12, 3), image_size=None)
    images, _ = spots(6)
    np.testing.assert_allclose(parts.model(images), network(images), rtol=1e-5, atol=1e-5)


def test_images_of_another_size_are_resized_inside():
    network = small_network()
    parts = transfer_model(network, 3, sample_shape=(24, 20, 3), image_size=None)
    assert parts.model.input_shape == (None, 24, 20, 3)
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 20, 3)).astype("float32")
    body = keras.Model(network.input, network.get_layer("flatten").output)
    expected = body(keras.ops.image.resize(images, (12, 12)))
    np.testing.assert_allclose(parts.body(images), expected, rtol=1e-4, atol=1e-4)
    assert all(len(layer._inbound_nodes) == 1 for layer in parts.body.layers)


@pytest.mark.parametrize(
    ("sample_shape", "image_size", "seen"),
    [
        ((32, 32, 3), None, 128),  # four times the side
        ((20, 20, 3), None, 128),  # the least
        ((50, 40, 3), None, 200),
        ((300, 200, 3), None, 224),  # its own size
        (None, None, 224),
        ((32, 32, 3), 64, 64),
        (None, 96, 96),
    ],
)
def test_small_images_are_enlarged_by_rule(sample_shape, image_size, seen, monkeypatch):
    from kerazoo.training import transfer_model as module

    asked = []

    def get(name, compile, input_shape=(224, 224, 3)):
        asked.append(input_shape)
        return small_network()

    monkeypatch.setattr(module, "get", get)
    module._network("efficientnet_lite0", sample_shape, image_size)
    assert asked == [(seen, seen, 3)]


def attention_network():
    keras.utils.set_random_seed(2)
    inputs = keras.Input((6, 4))
    x = keras.layers.Dense(8, name="embed")(inputs)
    x = keras.layers.Add()([x, keras.layers.MultiHeadAttention(2, 4, name="attend")(x, x)])
    x = keras.layers.LayerNormalization(name="norm")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x), name="attention")


def sequences(count=48):
    rng = np.random.default_rng(3)
    labels = np.arange(count) % 2
    return rng.normal(size=(count, 6, 4)).astype("float32") + labels[:, None, None], labels


@pytest.mark.slow
def test_lora_trains_additions_alone_and_merges_them(tune):
    network = attention_network()
    before = weights_of(network)
    result = tune(
        network, sequences(), sequences(20), lora_rank=2, epochs=3, head_epochs=2, patience=9
    )
    after = weights_of(result.model)
    assert not any("lora" in path for path in after)
    assert after.keys() >= before.keys()
    changed = {path for path, value in before.items() if np.abs(after[path] - value).max() > 1e-6}
    kernels = {path for path in before if path.endswith("kernel")}
    assert changed == kernels
    assert len(kernels) == 5  # Dense, and query, key, value, output of the attention
    difference = after["embed/kernel"] - before["embed/kernel"]
    assert np.linalg.matrix_rank(difference, tol=1e-6) == 2
    logits = result.model.predict(sequences(20)[0], verbose=0)
    assert result.metrics["val_accuracy"] == pytest.approx(
        (logits.argmax(-1) == sequences(20)[1]).mean()
    )


def test_merging_changes_no_output():
    network = attention_network()
    assert lora.add_lora(network, 3) == 5
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    inputs, _ = sequences(5)
    expected = network(inputs)
    plain = lora.merged(network)
    np.testing.assert_allclose(plain(inputs), expected, rtol=1e-4, atol=1e-4)
    assert plain.count_params() == attention_network().count_params()
    assert lora.merged(plain) is plain


@pytest.mark.slow
def test_lora_needs_dense_layers(tune):
    with pytest.raises(ConfigError, match="has no Dense or EinsumDense layer"):
        tune(lora_rank=2, head_epochs=1)


@pytest.mark.slow
def test_a_network_by_name_in_mixed_precision_ends_in_float32(tune):
    result = tune(
        "mnist_cnn",
        (np.repeat(spots(24)[0][..., :1], 2, axis=1).repeat(2, axis=2)[:, :, :], spots(24)[1]),
        0.25,
        precision="mixed_bfloat16",
        epochs=1,
        head_epochs=1,
    )
    assert {layer.compute_dtype for layer in result.model.layers} == {"float32"}
    assert result.model.output_shape == (None, 3)
    assert result.model.input_shape == (None, 24, 24, 1)


@pytest.mark.slow
def test_it_is_ready_for_export(tune, tmp_path):
    result = tune(epochs=1, head_epochs=5)
    images, _ = spots(30, seed=5)
    kerazoo.export(result.model, tmp_path / "spots.tflite", quantize="int8", calibration=images)
    file = kerazoo.load_tflite(tmp_path / "spots.tflite")
    expected = result.model.predict(images, verbose=0).argmax(-1)
    assert (np.asarray(file.predict(images)).argmax(-1) == expected).mean() > 0.9


def test_a_file_that_is_no_image_is_named(tune, tmp_path):
    write_images(tmp_path / "images", *spots(12), ["a", "b", "c"])
    (tmp_path / "images" / "b" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="broken.png' is no PNG"):
        tune(train=tmp_path / "images", head_epochs=1)


def test_a_file_that_is_no_image_is_named_when_precisions_are_timed(tune, tmp_path, monkeypatch):
    """Of a network by name, which reads a batch before all else."""
    write_images(tmp_path / "images", *spots(12), ["a", "b", "c"])
    (tmp_path / "images" / "a" / "000.png").write_bytes(b"no picture")
    monkeypatch.setattr(fine_tuning, "choose", lambda *_, batch, **__: batch)
    with pytest.raises(DataError, match="000.png' is no PNG"):
        tune("mnist_cnn", train=tmp_path / "images", validation=0.0, head_epochs=1)
    assert not (tmp_path / "run").exists()  # nothing came of it


def test_every_kind_of_image_may_be_grey(tune, tmp_path):
    images = pytest.importorskip("PIL.Image")
    for number, (image, label) in enumerate(zip(*spots(12), strict=True)):
        path = tmp_path / "images" / "abc"[label] / f"{number}.{('bmp', 'gif')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.fromarray(image).save(path)
    flat = [keras.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    network = keras.Sequential(flat)
    result = tune(network, train=tmp_path / "images", validation=0.0, epochs=0, head_epochs=1)
    assert result.model.input_shape == (None, 12, 12, 1)
    assert np.isfinite(result.metrics["loss"])


def test_folders_are_taken_one_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [new_run_folder(None, "net") for _ in range(3)]
    assert [str(path) for path in made] == ["runs/net", "runs/net-2", "runs/net-3"]
    assert all(path.is_dir() for path in made)


def test_a_folder_called_like_a_dataset_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert augmentation("auto", "bccd", (12, 12, 3)).targets == "boxes"
    write_images(tmp_path / "bccd", *spots(12), ["a", "b", "c"])
    assert augmentation("auto", "bccd", (12, 12, 3)) == Augment(flip=True, shift=0.1, zoom=0.1)
    assert augmentation("auto", "fsdd", (8000,)) is None


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ("nowhere", "'nowhere' is no folder, and no dataset of that name exists"),
        (([[1.0]], [0.5]), "`train`: labels must be class numbers"),
        ((np.zeros((3, 12, 12, 3)), np.array([0, 1])), "as many numeric inputs as labels"),
        ((np.full((2, 12, 12, 3), np.nan), np.array([0, 1])), "not finite"),
        ((np.zeros((2, 12, 12, 3)), np.array([0, -1])), "negative labels"),
        ((np.zeros((2, 12, 12, 3)), np.array([0, 0])), "of 2 classes at least"),
        ((np.zeros((2, 12, 12, 1)), np.array([0, 1])), "takes samples of shape .12, 12, 3."),
        (7, "`train` must be a folder"),
    ],
)
def test_data_that_does_not_fit_is_one_line(tune, train, words):
    with pytest.raises(DataError, match=words) as error:
        tune(train=train, validation=0.0)
    assert "\n" not in str(error.value)


def test_one_sample_of_each_class_cannot_be_divided(tune):
    images, labels = spots(3)
    with pytest.raises(DataError, match="No class has two samples"):
        tune(train=(images, labels), validation=0.1)


def test_folders_without_classes_are_refused(tune, tmp_path):
    (tmp_path / "one" / "only").mkdir(parents=True)
    with pytest.raises(DataError, match="'only' has no images"):
        tune(train=tmp_path / "one")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="of two or more classes; it has 0"):
        tune(train=tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"unfreeze": 0.0}, "`unfreeze` must be a finite number of at most 1 and above 0"),
        ({"unfreeze": (1.0, 0.5)}, "`unfreeze` must rise"),
        ({"epochs": -1}, "`epochs` must be an integer of 0"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"label_smoothing": 1.0}, "`label_smoothing` must be"),
        ({"precision": "float16"}, "`precision` must be"),
        ({"precision": "mixed_bfloat16"}, "a model has its own already"),
        ({"augment": "strong"}, "`augment` must be"),
        ({"class_weights": "even"}, "`class_weights` must be"),
        ({"class_weights": {9: 1.0}}, "`class_weights` must be"),
        ({"image_size": 64}, "a model has its size already"),
        ({"seed": 2**31}, "`seed` must be below 2..31"),
    ],
)
def test_arguments_out_of_range_are_one_line(tune, arguments, words):
    with pytest.raises(ConfigError, match=words) as error:
        tune(**arguments)
    assert "\n" not in str(error.value)


def test_a_full_folder_is_left_alone(tune, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("mine")
    with pytest.raises(RunError, match="is not empty"):
        tune()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine"]


def test_an_unknown_network_gets_the_nearest_name(tune):
    with pytest.raises(UnknownNameError, match="Did you mean .*'efficientnet_lite0'"):
        tune("efficientnet_lite_0x")


def test_a_model_that_is_not_functional_is_refused(tune):
    class Odd(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ConfigError, match="neither functional nor a Sequential that begins"):
        tune(Odd())


def test_the_names_of_folders_stay_with_the_model(tune, tmp_path):
    images, labels = spots(24)
    write_images(tmp_path / "images", images, labels, ["left", "right", "under"])
    result = tune(train=tmp_path / "images", validation=spots(9), epochs=0, head_epochs=20)
    saved = result.run_dir / "model.keras"
    assert read_labels(saved) == ["left", "right", "under"]
    report = json.loads((result.run_dir / "report.json").read_text())
    assert list(report["classes"]) == ["left", "right", "under"]  # the arrays have no names
    (prediction,) = kerazoo.predict(saved, tmp_path / "images" / "right" / "001.png")
    assert next(iter(prediction.scores)) == "right"
    # Classes of another folder are matched by name, though their numbers are others.
    others = labels != 0
    write_images(tmp_path / "test", images[others], labels[others], ["left", "right", "under"])
    measured = kerazoo.evaluate(saved, tmp_path / "test")
    logits = result.model.predict(images[others], verbose=0)
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels[others], logits)
    assert measured["loss"] == pytest.approx(float(expected), rel=1e-3)
    assert measured["accuracy"] == pytest.approx((logits.argmax(-1) == labels[others]).mean())


def test_without_names_no_labels_are_written(head_alone):
    result, _ = head_alone
    assert read_labels(result.run_dir / "model.keras") is None


def test_files_that_are_left_out_are_counted(tmp_path, notices):
    write_images(tmp_path / "images", *spots(6), ["a", "b", "c"])
    for name in ("a/1.heic", "b/2.HEIC", "b/deep/3.txt", "c/README", "c/.hidden"):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert len(labelled_data(tmp_path / "images", name="train")) == 6
    (said,) = notices()
    assert "4 files are left out: 2 .heic, 1 .txt, 1 without a suffix. What is read: .png" in said


def test_photographs_and_webp_are_read_upright(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    transposed = pytest.importorskip("PIL.ImageOps").exif_transpose
    exif = pillow.Exif()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    picture = pillow.fromarray(pixels.repeat(8, 0).repeat(8, 1))
    for number, kind in enumerate(["a", "a", "b"]):
        exif[0x0112] = 5 + number
        path = tmp_path / "images" / kind / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, exif=exif.tobytes(), quality=100, subsampling=0)
    picture.save(tmp_path / "images" / "b" / "x.webp", lossless=True)
    data = labelled_data(tmp_path / "images", name="train")
    batches = TrainingBatches(data, (32, 24, 3), batch_size=3, shuffle=False)
    images = np.concatenate([images for images, _ in batches.one_pass().as_numpy_iterator()])
    for path, image, number in zip(data.inputs, images, range(4), strict=True):
        upright = transposed(pillow.open(path)).convert("RGB")
        if upright.size == (24, 32):
            np.testing.assert_allclose(image, np.asarray(upright), atol=3)
        np.testing.assert_allclose(image, data.sample(number, (32, 24, 3)), atol=1e-3)
    assert [path.rsplit("/", 1)[1] for path in data.inputs] == ["0.jpg", "1.jpg", "2.jpg", "x.webp"]
