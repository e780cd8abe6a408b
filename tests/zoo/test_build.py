"""`get`: published weights, fresh heads, weights from files; and nothing half loaded."""

import hashlib
import math

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConfigError, UnknownNameError, WeightsError
from kerazoo.zoo import build, catalogue
from kerazoo.zoo.config_file import to_config, to_yaml
from kerazoo.zoo.keras_weights import load_keras_weights
from kerazoo.zoo.weights import save_weights

pytestmark = pytest.mark.usefixtures("zoo_state")

NET = {
    "name": "net",
    "task": "image-classification",
    "summary": "A net.",
    "model": {
        "builder": "mlp",
        "arguments": {"input_shape": [6, 6, 1], "num_classes": 4, "hidden_units": [5]},
    },
    "data": {"dataset": "mnist", "batch_size": 32},
    "training": {
        "epochs": 2,
        "optimizer": {"name": "adam", "learning_rate": 0.1},
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
        "metrics": ["accuracy"],
    },
    "card": {"license": "Apache-2.0"},
}


WIDER = {"input_shape": [6, 6, 1], "num_classes": 9, "hidden_units": [5, 7]}


@pytest.fixture
def published(tmp_path):
    """A model "net" with published weights; gives the model that they were taken from."""
    (tmp_path / "net.yaml").write_text(to_yaml(NET))
    kerazoo.add_config(tmp_path / "net.yaml")
    model = kerazoo.get("net", weights=None)
    digest = save_weights(model, tmp_path / "net.safetensors")
    weights = {"default": {"file": "net.safetensors", "sha256": digest}}
    (tmp_path / "net.yaml").write_text(to_yaml({**NET, "weights": weights}))
    (tmp_path / "bare.yaml").write_text(to_yaml({**NET, "name": "bare"}))
    kerazoo.add_config(tmp_path / "bare.yaml")
    catalogue._read_once.cache_clear()
    return model


def half(array):
    return np.asarray(array, dtype=np.float16).astype(np.float32)


def test_published_weights_are_loaded(published, notices):
    model = kerazoo.get("net")
    for ours, theirs in zip(published.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(half(ours), theirs)
    assert notices() == []


def test_a_users_published_weights_lie_beside_the_config(published, tmp_path):
    card = kerazoo.info("net")
    assert (card.pretrained, card.parameters) == (True, published.count_params())
    content = (tmp_path / "net.yaml").read_text()
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "once.yaml").write_text(content.replace("name: net", "name: once"))
    save_weights(published, tmp_path / "alone" / "net.safetensors")
    config = catalogue.find_or_read(tmp_path / "alone" / "once.yaml")  # without adding it
    model = build.build_with_weights(config, "default")
    np.testing.assert_array_equal(model.get_weights()[0], half(published.get_weights()[0]))


@pytest.mark.parametrize("file", ["../net.safetensors", "/net.safetensors", "a\\b.safetensors"])
def test_published_weights_are_nowhere_else(file):
    weights = {"default": {"file": file, "sha256": "0" * 64}}
    with pytest.raises(ConfigError, match=r"matching regex.*weights"):
        to_config({**NET, "weights": weights}, source="net.yaml")


def test_weights_none_is_fresh(published):
    first, second = kerazoo.get("net", weights=None), kerazoo.get("net", weights=None)
    assert np.any(first.get_weights()[0] != second.get_weights()[0])


def test_num_classes_keeps_what_fits_and_says_so_once(published, notices):
    model = kerazoo.get("net", num_classes=7)
    assert model.output_shape == (None, 7)
    np.testing.assert_array_equal(
        model.get_layer("dense_1").kernel.numpy(), half(published.get_layer("dense_1").kernel)
    )
    kernel = model.get_layer("logits").kernel.numpy()
    limit = math.sqrt(6 / (5 + 7))  # Glorot and Bengio 2010: a fresh head, neither zeros nor old
    assert np.std(kernel) > 0.2 * limit
    assert np.abs(kernel).max() <= limit
    assert len(notices()) == 1
    assert "fresh head (logits/kernel, logits/bias)" in notices()[0]
    inputs, targets = np.zeros((8, 6, 6, 1), np.uint8), np.arange(8) % 7
    assert model.fit(inputs, targets, verbose=0).history["loss"][0] > 0


def test_the_same_num_classes_keeps_everything(published, notices):
    model = kerazoo.get("net", num_classes=4)
    np.testing.assert_array_equal(
        model.get_layer("logits").kernel.numpy(), half(published.get_layer("logits").kernel)
    )
    assert notices() == []


def test_an_activation_keeps_everything(published, notices):
    model = kerazoo.get("net", classifier_activation="softmax")
    outputs = model.predict(np.full((2, 6, 6, 1), 99, np.uint8), verbose=0)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)
    assert notices() == []
    targets = np.array([3, 1])
    expected = -np.log(outputs[[0, 1], targets]).mean()  # fed plain numbers, as other backends are
    assert float(model.loss(targets, outputs)) == pytest.approx(expected, rel=1e-5)


def test_another_body_is_refused(published):
    with pytest.raises(
        WeightsError, match=r"'dense_1/kernel' has shape \(36, 5\) there and \(36, 9\)"
    ):
        kerazoo.get("net", hidden_units=[9])
    with pytest.raises(WeightsError, match="missing .'dense_2/bias'"):
        kerazoo.get("net", hidden_units=[5, 5])
    assert kerazoo.get("net", weights=None, hidden_units=[9]).layers[-2].units == 9


def test_an_unknown_argument_names_the_nearest(published):
    with pytest.raises(UnknownNameError, match="'num_clases'.*'num_classes'"):
        kerazoo.get("net", num_clases=7)


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "swapped"])
def test_damaged_published_weights_give_no_model(published, tmp_path, damage):
    path = tmp_path / "net.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[:-1])
    elif damage == "flipped":
        content[-1] ^= 1
        path.write_bytes(content)
    else:
        save_weights(kerazoo.get("net", weights=None), path)
    with pytest.raises(WeightsError, match="net.safetensors"):
        kerazoo.get("net")


@pytest.mark.parametrize("suffix", [".safetensors", ".keras", ".weights.h5"])
def test_weights_from_a_file(published, tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    if suffix == ".safetensors":
        save_weights(published, path)
    elif suffix == ".keras":
        published.save(path)
    else:
        published.save_weights(path)
    model = kerazoo.get("net", weights=path)
    for ours, theirs in zip(published.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("suffix", [".safetensors", ".keras", ".weights.h5"])
def test_a_damaged_file_is_one_line(published, tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(b"damaged" * 40)
    with pytest.raises(WeightsError) as error:
        kerazoo.get("net", weights=path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_keras_file_of_another_model_is_refused(published, tmp_path):
    kerazoo.get("linear_regression", weights=None).save(tmp_path / "other.keras")
    with pytest.raises(WeightsError, match="does not fit the model 'net'"):
        kerazoo.get("net", weights=tmp_path / "other.keras")


def branches(first, second):
    """Two dense layers side by side, of these names (None: Keras makes them up)."""
    inputs = keras.Input((3,))
    layers = [keras.layers.Dense(2, name=name)(inputs) for name in (first, second)]
    return keras.Model(inputs, keras.layers.Add()(layers))


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_file_with_other_layers_is_refused(published, tmp_path, suffix):
    """Of which Keras would say nothing: it finds as many of each class as the model has."""

    def save(model):
        path = tmp_path / f"other{suffix}"
        model.save(path) if suffix == ".keras" else model.save_weights(path)
        return path

    deeper = save(kerazoo.get("net", weights=None, hidden_units=[5, 4]))
    with pytest.raises(WeightsError, match=r"the model 'net'.* missing none, left .*'dense_2'"):
        kerazoo.get("net", weights=deeper)
    bare = save(kerazoo.get("net", weights=None, hidden_units=[]))
    with pytest.raises(WeightsError, match=r"missing \['dense_1'\], left over none"):
        kerazoo.get("net", weights=bare)
    model = branches("left", "right")
    with pytest.raises(WeightsError, match=r"in another order: \['left', 'right'\]"):
        load_keras_weights(model, save(branches("right", "left")))
    unnamed, own = branches(None, None), branches(None, None)
    load_keras_weights(own, save(unnamed))
    for ours, theirs in zip(own.get_weights(), unnamed.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("defalt", "no weights file or tag 'defalt'. Did you mean 'default'"),
        ("absent.keras", "no weights file or tag 'absent.keras'. Published: default"),
    ],
)
def test_unknown_weights_are_named(published, weights, words):
    with pytest.raises(WeightsError, match=words):
        kerazoo.get("net", weights=weights)


def test_another_kind_of_file_is_refused(published, tmp_path):
    (tmp_path / "mine.pkl").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"read from \.safetensors, \.keras or \.weights\.h5"):
        kerazoo.get("net", weights=tmp_path / "mine.pkl")


def test_compile_false_leaves_it_to_the_caller():
    assert not kerazoo.get("mnist_mlp", weights=None, compile=False).compiled
    assert kerazoo.get("mnist_mlp", weights=None).compiled


def test_a_backbone_gives_the_layers_that_fit(published, notices):
    wider = to_config(
        {**NET, "name": "wider", "model": {"builder": "mlp", "arguments": WIDER}}, source="wider"
    )
    model = build.build_with_layers_of(wider, "net")
    np.testing.assert_array_equal(
        model.get_layer("dense_1").kernel, half(published.get_layer("dense_1").kernel)
    )
    assert notices() == [
        "wider: 1 of 3 layers begin with the published weights of 'net', the others fresh."
    ]
    with pytest.raises(UnknownNameError, match="'nett'"):
        build.build_with_layers_of(wider, "nett")
    with pytest.raises(WeightsError, match="'bare' has no published weights"):
        build.build_with_layers_of(wider, "bare")


PRETRAINED = kerazoo.list_models(pretrained=True)


@pytest.mark.parametrize("name", PRETRAINED)
def test_published_files_have_the_hash_of_their_card(name):
    for weights in catalogue.find_any_config(name).weights.values():
        if weights.package is not None:
            pytest.importorskip(weights.package)
            assert kerazoo.get(name, compile=False).count_params() > 0  # checks the hash
            continue
        content = (catalogue.weights_folder() / weights.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == weights.sha256


FILES = {
    "bccd": "bccd.npz",
    "camvid": "camvid.npz",
    "cifar10": "cifar10.npz",
    "fsdd": "fsdd.npz",
    "fsdd_strings": "fsdd.npz",
    "ml100k": "ml-100k/ml-100k.inter",
    "mnist": "mnist.npz",
    "multi30k": "multi30k",
    "rt_polarity": "rt_polarity/rt-polarity.pos",
}


SLOW_TO_MEASURE = {
    "bccd_detector": [pytest.mark.slow],
    "camvid_segmenter": [pytest.mark.slow, pytest.mark.release],
    "cifar10_efficientnet_lite0": [pytest.mark.slow, pytest.mark.release],
    "cifar10_mobile": [pytest.mark.slow],
    "cifar10_resnet20": [pytest.mark.slow],
    "fsdd_ctc": [pytest.mark.slow],
    "mnist1d_gru": [pytest.mark.slow],
    "mnist1d_rnn": [pytest.mark.slow],
    "mr_text_lstm": [pytest.mark.slow],
    "multi30k_translator": [pytest.mark.slow],
}
MEASURED = [  # agents are in tests/rl
    pytest.param(name, marks=SLOW_TO_MEASURE.get(name, ()))
    for name in PRETRAINED
    if kerazoo.info(name).metrics and not kerazoo.info(name).environment
]


@pytest.mark.parametrize("name", MEASURED)
def test_published_metrics_are_measured_again(name, data_file):
    if kerazoo.info(name).dataset in FILES:
        data_file(FILES[kerazoo.info(name).dataset])
    measured = kerazoo.evaluate(name)
    assert measured == pytest.approx(kerazoo.info(name).metrics, rel=1e-4, abs=1e-4)
