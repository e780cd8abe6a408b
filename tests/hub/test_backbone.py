"""`kerazoo.hub.backbone`: every source under one call, raw pixels in, maps at all strides."""

import sys
import types

import keras
import numpy as np
import pytest
from keras import applications

import kerazoo
from kerazoo.errors import ConfigError, UnknownNameError, WeightsError
from kerazoo.hub import Backbone, _applications, backbone

pytestmark = pytest.mark.usefixtures("tensorflow_backend")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("float32")
MODULES = {
    sys.modules[getattr(applications, name).__module__]: name for name in _applications.names()
}


@pytest.fixture(scope="module")
def lite0():
    return backbone("efficientnet_lite0", input_shape=(64, 64, 3))


def test_the_zoos_body_without_its_head(lite0):
    whole = kerazoo.get("efficientnet_lite0", input_shape=(64, 64, 3), compile=False)
    head = whole.get_layer("logits")
    means = np.asarray(lite0(PIXELS)).mean(axis=(1, 2))
    logits = means @ np.asarray(head.kernel) + np.asarray(head.bias)
    np.testing.assert_allclose(whole(PIXELS), logits, rtol=1e-4, atol=1e-4)


def test_it_is_frozen_until_told(lite0):
    assert lite0.trainable_variables == []
    norm = lite0.get_layer("stem_norm")
    before = np.asarray(norm.moving_mean)
    lite0(PIXELS, training=True)
    np.testing.assert_array_equal(norm.moving_mean, before)
    open_one = backbone("efficientnet_lite0", weights=None, trainable=True, input_shape=(32, 32, 3))
    assert len(open_one.trainable_variables) == 3 * 49  # a kernel, gamma and beta, 49 times


def test_maps_of_all_strides(lite0):
    maps = lite0.features()(PIXELS)
    assert {name: tuple(tensor.shape[1:]) for name, tensor in maps.items()} == {
        "stride_2": (32, 32, 96),
        "stride_4": (16, 16, 144),
        "stride_8": (8, 8, 240),
        "stride_16": (4, 4, 672),
        "stride_32": (2, 2, 1280),
    }
    np.testing.assert_array_equal(maps["stride_32"], lite0(PIXELS))


@pytest.mark.parametrize(
    ("name", "places"),
    [
        (  # what its paper and detection networks on it use: the last of each stage
            "ResNet50",
            ["conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out"],
        ),
        (
            "mobilenet-v2",
            ["block_1_expand_relu", "block_3_expand_relu", "block_6_expand_relu"],
        ),
    ],
)
def test_maps_are_where_everything_passes(name, places):
    network = backbone(name, weights=None, input_shape=(64, 64, 3))
    maps = network.features().output
    for stride, place in zip((2, 4, 8, 16), places, strict=False):
        assert maps[f"stride_{stride}"] is network.get_layer(place).output
    assert maps["stride_32"] is network.output


def test_a_padding_or_a_branch_is_no_feature_map():
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="stem")(inputs)
    padded = keras.layers.ZeroPadding2D(name="pad")(x)
    left = keras.layers.Conv2D(4, 3, strides=2, name="left")(padded)
    right = keras.layers.Conv2D(2, 1, name="narrow")(x)
    right = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="right")(right)
    model = Backbone(inputs, keras.layers.Add(name="sum")([left[:, :8, :8], right]))
    maps = model.features().output
    assert list(maps) == ["stride_2", "stride_4"]
    assert maps["stride_2"] is model.get_layer("stem").output
    assert maps["stride_4"] is model.output


@pytest.mark.parametrize("module", MODULES, ids=[m.__name__.split(".")[-1] for m in MODULES])
def test_preprocessing_is_the_networks_own(module):
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(inputs, _applications.preprocessed(inputs, module.preprocess_input))
    expected = module.preprocess_input(PIXELS.copy())
    np.testing.assert_allclose(np.asarray(model(PIXELS)), expected, rtol=1e-5, atol=1e-4)


def test_a_network_of_keras_computes_what_keras_does(tmp_path):
    """With weights from a file, as Keras's own download is one."""
    theirs = applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3))
    theirs.save_weights(tmp_path / "mobilenet.weights.h5")
    expected = theirs(applications.mobilenet_v2.preprocess_input(PIXELS.copy()))
    ours = backbone(
        "MobileNetV2", weights=tmp_path / "mobilenet.weights.h5", input_shape=(64, 64, 3)
    )
    np.testing.assert_allclose(ours(PIXELS), expected, rtol=1e-4, atol=1e-5)


def test_a_file_keeps_all_of_it(lite0, tmp_path):
    lite0.save(tmp_path / "backbone.keras")
    loaded = keras.saving.load_model(tmp_path / "backbone.keras", safe_mode=True)
    assert isinstance(loaded, Backbone)
    assert loaded.trainable_variables == []
    for ours, theirs in zip(
        lite0.features()(PIXELS).values(), loaded.features()(PIXELS).values(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("resnet51", "ResNet50"), ("EfficientnetLite0", "efficientnet_lite0"), ("vgg_17", "VGG16")],
)
def test_an_unknown_name_gets_the_nearest(name, nearest):
    with pytest.raises(
        UnknownNameError, match=f"Unknown backbone '{name}'. Did you mean .*{nearest}"
    ):
        backbone(name)


def test_without_a_network_nothing_is_fetched(monkeypatch):
    monkeypatch.setenv("KERAZOO_OFFLINE", "1")
    with pytest.raises(WeightsError, match="KERAZOO_OFFLINE is set.*MobileNetV2.*efficientnet_l"):
        backbone("MobileNetV2")


def test_what_cannot_be_fetched_is_one_line(monkeypatch):
    def fail(*args, **kwargs):
        if kwargs["weights"] == "imagenet":
            raise Exception("URL fetch failure on https://x:\n None -- no route")
        raise AssertionError

    monkeypatch.delenv("KERAZOO_OFFLINE", raising=False)
    monkeypatch.setattr(applications, "VGG16", fail)
    monkeypatch.setattr(
        _applications, "sys", types.SimpleNamespace(modules={fail.__module__: applications.vgg16})
    )
    with pytest.raises(
        WeightsError, match="weights of VGG16 cannot be had: URL fetch failure"
    ) as error:
        _applications.build("VGG16", "default", (32, 32, 3))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name_or_handle": "linear_regression"}, "'linear_regression' is no backbone"),
        ({"name_or_handle": "VGG16", "input_shape": (8, 8, 3)}, "VGG16 does not take images of sh"),
        ({"name_or_handle": "VGG16", "input_shape": (64, 64)}, "`input_shape` must be .height"),
        (
            {"name_or_handle": "MobileNetV2", "input_shape": (64, 64, 1)},
            r"3 channels. Received: input_shape=\(64, 64, 1\)",
        ),
        ({"name_or_handle": "./net"}, "does not tell the size"),
        ({"name_or_handle": "./net", "weights": None}, "comes with its `weights`"),
    ],
)
def test_what_cannot_be_is_one_line(arguments, words):
    with pytest.raises(ConfigError, match=words) as error:
        backbone(
            **{"weights": None, **arguments}
            if "net" not in arguments["name_or_handle"]
            else arguments
        )
    assert "\n" not in str(error.value)


def test_an_open_size_has_no_strides():
    inputs = keras.Input((None, None, 3))
    model = Backbone(inputs, keras.layers.Conv2D(2, 3)(inputs), name="open")
    with pytest.raises(ConfigError, match="Strides are told by sizes, and 'open' takes"):
        model.features()


def test_a_savedmodel_gets_pixels_from_0_to_1(tmp_path):
    import tensorflow as tf

    class Mean(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def __call__(self, images):
            return tf.reduce_mean(images, axis=(1, 2))

    tf.saved_model.save(Mean(), tmp_path / "mean")
    model = backbone(tmp_path / "mean", input_shape=(8, 8, 3))
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(model(np.full((1, 8, 8, 3), 51.0)), [[0.2] * 3], rtol=1e-6)
    with pytest.raises(ConfigError, match="'mean' shows no feature maps"):
        model.features()


@pytest.fixture
def keras_hub(monkeypatch):
    """A stand-in with the three names that are used; the real one is tested below, where it is."""

    class Net(keras.Model):
        presets = types.MappingProxyType({"tiny_net": {}})

        @classmethod
        def from_preset(cls, preset, load_weights, image_shape=(32, 32, 3)):
            assert preset == "tiny_net"
            inputs = keras.Input(image_shape)
            x = keras.layers.Conv2D(4, 3, 2, "same", kernel_initializer="ones", name="one")(inputs)
            return keras.Model(inputs, keras.layers.Conv2D(4, 3, 2, "same", name="two")(x))

    class Text(Net):
        presets = types.MappingProxyType({"tiny_text": {}})

    class Converter:
        scale, offset = 1 / 255, [-0.5, 0.0, 0.5]

        @classmethod
        def from_preset(cls, preset):
            return cls()

    monkeypatch.delenv("KERAZOO_OFFLINE", raising=False)
    module = types.ModuleType("keras_hub")
    module.models = types.SimpleNamespace(Backbone=Net, Tiny=type("Tiny", (Net,), {}), Text=Text)
    module.layers = types.SimpleNamespace(ImageConverter=Converter)
    module.__spec__ = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "keras_hub", module)


@pytest.mark.usefixtures("keras_hub")
def test_a_preset_of_kerashub_by_name():
    model = backbone("tiny_net", input_shape=(16, 16, 3))
    assert list(model.features().output) == ["stride_2", "stride_4"]
    scaled = keras.Model(model.input, model.get_layer("preprocess").output)
    np.testing.assert_allclose(
        scaled(np.full((1, 16, 16, 3), 255.0))[0, 0, 0], [0.5, 1.0, 1.5], rtol=1e-6
    )
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny_net'"):
        backbone("tiny_nett")


def test_kerashub_itself(tmp_path):
    keras_hub = pytest.importorskip("keras_hub")
    network = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(64, 64, 3),
    )
    network.save_to_preset(tmp_path / "preset")
    model = backbone(tmp_path / "preset")
    np.testing.assert_allclose(model(PIXELS), network(PIXELS), rtol=1e-4, atol=1e-4)
    assert list(model.features().output) == ["stride_2", "stride_4", "stride_8"]


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.parametrize("name", _applications.names())
def test_every_network_of_keras_has_its_maps(name):
    side = 224 if name.startswith(("Inception", "Xception", "NASNet")) else 64
    network = backbone(name, weights=None, input_shape=(side, side, 3))
    maps = network.features().output
    strides = [stride for stride in (2, 4, 8, 16, 32) if f"stride_{stride}" in maps]
    assert strides[-4:] == [4, 8, 16, 32]
    assert len(strides) == 5 or name.startswith("ConvNeXt")  # whose stem divides by four
    keras.backend.clear_session()
