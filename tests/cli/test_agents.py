"""Which arguments of a command mean an agent: without the extra rl, by configs alone."""

import keras
import pytest

import kerazoo
from kerazoo.cli.agents import is_agent
from kerazoo.zoo.catalogue import configs_folder


@pytest.mark.parametrize(("name", "expected"), [("dqn_cartpole", True), ("mnist_cnn", False)])
def test_a_name_a_config_and_a_run_folder(name, expected, tmp_path):
    config = configs_folder() / f"{name}.yaml"
    (tmp_path / "config.yaml").write_bytes(config.read_bytes())
    assert [is_agent(str(one)) for one in (name, config, tmp_path)] == [expected] * 3


@pytest.mark.parametrize(("name", "expected"), [("dqn_cartpole", True), ("m.tflite", False)])
def test_an_exported_file_by_the_name_in_it(name, expected, tmp_path, monkeypatch):
    """Which may be the file's own."""
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name=name)
    kerazoo.export(model, "m.tflite", verify=False)
    assert is_agent("m.tflite") is expected
