"""Builders by name: kerazoo's own, a user's, and those of other packages."""

import importlib
import inspect
import sys

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


THEIR_NET = """
import keras

def their_net(input_shape):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(7, name="logits")(inputs))
"""


@pytest.fixture
def installed_package(tmp_path, monkeypatch):
    """Makes a package with an entry point; called with the entry point's name, and its code."""

    def install(name, code=THEIR_NET):
        (tmp_path / "other_zoo.py").write_text(code)
        monkeypatch.delitem(sys.modules, "other_zoo", raising=False)
        importlib.invalidate_caches()
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
    assert build("their_net", input_shape=[3]).output_shape == (None, 7)
    with pytest.raises(UnknownNameError, match="'their_net'"):
        registry.find_builder("their_nt")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import absent_module", "ModuleNotFoundError: No module named 'absent_module'"),
        ("def other_name(): ...", "has no attribute 'their_net'"),
        ("def their_net(:", "SyntaxError"),
        ("their_net = 3", "must be a function. Received: int"),
    ],
)
def test_a_broken_package_is_named_in_one_line(installed_package, code, says):
    installed_package("their_net", code)
    with pytest.raises(ConfigError, match=says) as error:
        build("their_net")
    assert "builder 'their_net', 'other_zoo:their_net' of the package other-zoo" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("returned", "kind"), [(None, "NoneType"), ("theirs", "str")])
def test_a_builder_without_a_model_is_named(returned, kind):
    kerazoo.register("forgetful")(lambda: returned)
    with pytest.raises(ConfigError, match=f"'forgetful' must return a keras.Model.*{kind}"):
        build("forgetful")


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
