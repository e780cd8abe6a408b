"""Builders by name: kerazoo's own, a user's, and those of other packages."""

import inspect

import pytest

import kerazoo
from kerazoo import models
from kerazoo.errors import ConfigError, UnknownNameError
from kerazoo.zoo import registry
from kerazoo.zoo.config_file import to_config
from tests.zoo.test_config import changed

pytestmark = pytest.mark.usefixtures("zoo_state")


def build(builder, **arguments):
    from kerazoo.zoo.build import build_model

    data = changed("model", {"builder": builder, "arguments": arguments})
    return build_model(to_config(data, source="net.yaml"))


@pytest.fixture
def installed_package(tmp_path, monkeypatch):
    """Makes a package with an entry point; called with the entry point's name."""

    def install(name):
        (tmp_path / "other_zoo.py").write_text("def their_net(input_shape):\n    return 'theirs'\n")
        metadata = tmp_path / f"other_zoo_{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: other-zoo-{name}\n")
        (metadata / "entry_points.txt").write_text(
            f"[kerazoo.models]\n{name} = other_zoo:their_net\n"
        )
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_a_users_builder_is_found():
    @kerazoo.register("my_net")
    def my_net(input_shape, units=2):
        import keras

        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.Dense(units)(inputs))

    assert registry.find_builder("my_net") is my_net
    model = build("my_net", input_shape=[3], units=5)
    assert model.output_shape == (None, 5)
    assert model.name == "net"


def test_a_name_taken_twice_is_refused():
    with pytest.raises(ConfigError, match="'mlp' exists already"):
        kerazoo.register("mlp")(lambda: None)
    kerazoo.register("my_net")(lambda: None)
    with pytest.raises(ConfigError, match="'my_net' exists already"):
        kerazoo.register("my_net")(lambda: None)


def test_an_unknown_builder_names_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"Unknown builder 'smal_cnn'\. Did you mean 'small_cnn'"
    ):
        build("smal_cnn")


def test_a_builder_is_never_a_dotted_path():
    for path in ("kerazoo.models.mlp.mlp", "os.system", "keras.applications.ResNet50"):
        with pytest.raises(UnknownNameError, match="Unknown builder"):
            build(path)


def test_an_unknown_argument_names_the_nearest():
    with pytest.raises(UnknownNameError, match="argument of mlp 'hiden_units'.*'hidden_units'"):
        build("mlp", input_shape=[28, 28, 1], num_classes=10, hiden_units=[3])


def test_an_entry_point_is_found(installed_package):
    installed_package("their_net")
    assert registry.find_builder("their_net")([3]) == "theirs"
    with pytest.raises(UnknownNameError, match="'their_net'"):
        registry.find_builder("their_nt")


def test_an_entry_point_with_a_taken_name_is_refused(installed_package):
    installed_package("mlp")
    with pytest.raises(ConfigError, match=r"named 'mlp'; one is other_zoo:their_net"):
        registry.find_builder("something_else")


def test_a_name_of_an_entry_point_is_taken_too(installed_package):
    installed_package("their_net")
    with pytest.raises(ConfigError, match="their_net"):
        kerazoo.register("their_net")(lambda: None)


def test_every_builder_takes_plain_documented_arguments():
    for name, builder in models.builders().items():
        documentation = inspect.getdoc(builder)
        for argument in inspect.signature(builder).parameters:
            assert f"{argument}:" in documentation, f"{name} does not say what {argument!r} is"
