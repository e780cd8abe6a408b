"""Zoo configs: what is wrong is said with file, field and the nearest name; nothing is guessed."""

import copy
import re

import numpy as np
import pytest

import kerazoo
from kerazoo import list_models
from kerazoo.errors import ConfigError
from kerazoo.zoo.agent_config import AgentConfig, Reinforce
from kerazoo.zoo.catalogue import configs_folder, find_any_config
from kerazoo.zoo.config_file import read_config, to_config, to_plain, to_yaml, with_overrides
from kerazoo.zoo.yaml_reader import parse_yaml

SMALLEST = {
    "name": "net",
    "task": "regression",
    "summary": "A net.",
    "model": {"builder": "linear", "arguments": {"input_shape": [10]}},
    "data": {"dataset": "diabetes", "batch_size": 32},
    "training": {
        "epochs": 2,
        "optimizer": {"name": "adam", "learning_rate": 0.1},
        "loss": {"name": "mean_squared_error"},
    },
    "card": {"license": "Apache-2.0"},
}
PUBLISHED = {"file": "net.safetensors", "sha256": "0" * 64}


def changed(path, value):
    """`SMALLEST` with the field at a dotted path set."""
    data = copy.deepcopy(SMALLEST)
    *parents, leaf = path.split(".")
    section = data
    for key in parents:
        section = section.setdefault(key, {})
    section[leaf] = value
    return data


def test_the_smallest_config_is_accepted():
    config = to_config(SMALLEST, source="net.yaml")
    assert config.training.optimizer.learning_rate == 0.1
    assert config.distribution.precision == "auto"
    assert config.weights == {}


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("sumary", "summary"),
        ("model.bilder", "builder"),
        ("data.augment.shfit", "shift"),
        ("training.optimizer.learning_rte", "learning_rate"),
        ("training.loss.from_logit", "from_logits"),
        ("training.early_stopping.patient", "patience"),
        ("export.tflite.quantise", "quantize"),
        ("weights.default.sha", "sha256"),
        ("card.licence", "license"),
    ],
)
def test_an_unknown_field_at_any_depth_is_refused_with_the_nearest_name(path, nearest):
    with pytest.raises(ConfigError) as error:
        to_config(changed(path, 1), source="net.yaml")
    assert str(error.value).startswith("net.yaml: unknown field")
    assert f"'{path}'" in str(error.value)
    assert f"Did you mean '{nearest}'?" in str(error.value)


def test_a_misspelt_task_is_refused_and_one_of_a_users_own_is_not():
    """A wrong one would only be a model whose answers nobody puts into words."""
    with pytest.raises(ConfigError, match="'image-clasification'. Did you mean 'image-classif"):
        to_config(changed("task", "image-clasification"), source="net.yaml")
    assert to_config(changed("task", "image-captioning"), source="net.yaml")


def test_an_unknown_field_inside_a_schedule_is_refused():
    rate = {"schedule": "warmup_cosine", "peek": 0.1}
    with pytest.raises(ConfigError, match=r"learning_rate\.peek'\. Did you mean 'peak'\?"):
        to_config(changed("training.optimizer.learning_rate", rate), source="net.yaml")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "Net"),
        ("name", "../net"),
        ("name", 3),
        ("task", "Image Classification"),
        ("summary", None),
        ("model", "linear"),
        ("model.arguments", [1]),
        ("data.batch_size", 0),
        ("data.batch_size", "32"),
        ("data.batch_size", 1.5),
        ("data.batch_size", True),
        ("data.validation", 0.6),
        ("data.validation", -0.1),
        ("data.augment.rotate", 181),
        ("data.augment.shift", "far"),
        ("training.epochs", -1),
        ("training.epochs", 2**31),
        ("training.epochs", 10**20),
        ("training.seed", 2**31),
        ("training.ema", 1.0),
        ("training.metrics", "accuracy"),
        ("training.optimizer.learning_rate", 0),
        ("training.optimizer.learning_rate", "1e-3"),
        ("training.optimizer.beta_1", 1.5),
        ("training.loss.label_smoothing", 1),
        ("distribution.precision", "float64"),
        ("distribution.xla", "yes"),
        ("distribution.communication", "smoke"),
        ("distribution.devices", "CPU:0"),
        ("distribution.memory_limit", 0),
        ("distribution.learning_rate_scaling", "cubic"),
        ("distribution.learning_rate_scaling", "linear"),
        ("export.tflite.quantize", "int4"),
        ("weights.default", {**PUBLISHED, "file": "../../net.safetensors"}),
        ("weights.default", {**PUBLISHED, "file": "net.pkl"}),
        ("weights.default", {**PUBLISHED, "sha256": "0" * 63}),
    ],
)
def test_a_wrong_type_or_range_is_refused_with_file_and_field(path, value):
    with pytest.raises(ConfigError) as error:
        to_config(changed(path, value), source="net.yaml")
    message = str(error.value)
    assert message.startswith("net.yaml: ")
    assert "\n" not in message
    assert path.split(".")[0] in message  # the field's path, or the start of it
    assert path.rsplit(".", maxsplit=1)[-1] in message.replace("weights[...]", "weights.default")


@pytest.mark.parametrize("field", ["name", "model", "data", "training", "card"])
def test_a_missing_field_is_named(field):
    data = {key: value for key, value in SMALLEST.items() if key != field}
    with pytest.raises(ConfigError, match=f"net.yaml: .*missing required field `{field}`"):
        to_config(data, source="net.yaml")


def test_overrides_change_a_copy():
    config = to_config(SMALLEST, source="net.yaml")
    changed_config = with_overrides(
        config,
        {
            "training.optimizer.name": "sgd",
            "training.optimizer.learning_rate": {"schedule": "warmup_cosine", "peak": 0.2},
            "model.arguments.units": 3,
            "data.augment": None,
        },
    )
    assert changed_config.training.optimizer.name == "sgd"
    assert changed_config.training.optimizer.learning_rate.peak == 0.2
    assert changed_config.model.arguments == {"input_shape": [10], "units": 3}
    assert config.training.optimizer.name == "adam"
    assert config.model.arguments == {"input_shape": [10]}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("trainig.epochs", 1, ["trainig", "Did you mean 'training'?"]),
        ("training.optimiser.name", "sgd", ["training.optimiser", "'optimizer'"]),
        ("training.epoch", 1, ["training.epoch", "Did you mean 'epochs'?"]),
        ("training.optimizer.learning_rate.peak", 1.0, ["learning_rate", "0.1", "as a whole"]),
        ("training.epochs", "many", ["training.epochs"]),
        ("epochs", 1, ["Did you mean 'training.epochs'?"]),
        ("epoch", 1, ["Did you mean 'training.epochs'?"]),
        ("training.batch_size", 1, ["Did you mean 'data.batch_size'?"]),
        ("early_stopping.patience", 1, ["Did you mean 'training.early_stopping'?"]),
        ("data.augment.flop", True, ["Did you mean 'flip'?"]),
        ("momentum", 0.9, ["Did you mean 'training.optimizer.momentum'?"]),
        ("", 1, ["unknown field"]),
    ],
)
def test_a_bad_override_is_refused(path, value, words):
    config = to_config(SMALLEST, source="net.yaml")
    with pytest.raises(ConfigError) as error:
        with_overrides(config, {path: value})
    assert str(error.value).startswith("net")
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("distribution.precision", "auto, float32, mixed_bfloat16, mixed_float16"),
        ("distribution.xla", "auto, true, false"),
        ("distribution.steps_per_execution", "auto, a whole number"),
        ("data.augment.targets", "labels, mask, boxes"),
        ("export.tflite.quantize", "dynamic, float16, int16x8, int8, int8_io, null"),
    ],
)
def test_a_wrong_word_gets_all_that_are_right(path, known):
    with pytest.raises(ConfigError) as error:
        to_config(changed(path, "zebra"), source="net.yaml")
    words = str(error.value).partition(" Known: ")[2].rstrip(".").split(", ")
    assert sorted(words) == sorted(known.split(", "))


def test_a_message_names_no_field_that_is_right():
    config = to_config(SMALLEST, source="net.yaml")
    with pytest.raises(ConfigError) as error:
        with_overrides(config, {"training.seed": 1, "data.validation": 3})
    message = "net, as changed: Expected `float` <= 0.5 at field `data.validation`."
    assert str(error.value) == message


@pytest.mark.parametrize("name", list_models())
def test_every_config_of_the_zoo_survives_being_written_out(name):
    config = find_any_config(name)
    text = to_yaml(to_plain(config))
    assert to_config(parse_yaml(text), source=name) == config


def test_a_file_and_its_field_are_named_together(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(to_yaml(changed("training.epochs", 0)))
    with pytest.raises(ConfigError) as error:
        read_config(path)
    assert str(path) in str(error.value)
    assert "training.epochs" in str(error.value)


def test_the_zoos_configs_are_named_after_their_files():
    files = sorted(path.stem for path in configs_folder().glob("*.yaml"))
    assert [find_any_config(name).name for name in files] == files


def test_numpy_numbers_are_numbers():
    changed = with_overrides(
        to_config(SMALLEST, source="net.yaml"), {"training.epochs": np.int64(7)}
    )
    assert changed.training.epochs == 7


AGENT = {
    "name": "my_agent",
    "task": "reinforcement-learning",
    "summary": "Acts.",
    "model": {"builder": "observation_mlp", "arguments": {"observation_shape": [4], "outputs": 2}},
    "reinforcement": {
        "environment": {"name": "CartPole-v1"},
        "agent": {"algorithm": "reinforce", "discount": 0.9},
        "optimizer": {"learning_rate": 0.001},
        "steps": 100,
        "evaluation": {"every": 50},
    },
    "card": {"license": "Apache-2.0"},
}


def test_the_section_reinforcement_makes_an_agents_config():
    config = to_config(AGENT, source="my_agent.yaml")
    assert isinstance(config, AgentConfig)
    assert config.reinforcement.agent == Reinforce(discount=0.9)
    changed = with_overrides(config, {"reinforcement.agent.entropy": 0.01})
    assert changed.reinforcement.agent.entropy == 0.01


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ({"algorithm": "reinforce", "clip": 0.2}, "unknown field 'reinforcement.agent.clip'"),
        ({"algorithm": "reinforce", "discout": 1}, "Did you mean 'discount'"),
        ({"algorithm": "a3c"}, "a3c"),
        ({"algorithm": "reinforce", "discount": 2.0}, "reinforcement.agent.discount"),
    ],
)
def test_an_agents_wrong_field_is_named_for_its_algorithm(agent, words):
    data = {**AGENT, "reinforcement": {**AGENT["reinforcement"], "agent": agent}}
    with pytest.raises(ConfigError, match=re.escape(words)):
        to_config(data, source="my_agent.yaml")


def test_what_learns_from_data_says_so_of_an_agent(tmp_path):
    path = tmp_path / "my_agent.yaml"
    path.write_text(to_yaml(AGENT))
    with pytest.raises(ConfigError, match=r"kerazoo\.rl\.train"):
        kerazoo.train(path)
