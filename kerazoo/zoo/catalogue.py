"""Which models there are: kerazoo's own configs, those of installed packages, those a user adds.

Answers from file names and YAML alone; no Keras, no TensorFlow.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from kerazoo.errors import ConfigError, unknown_name
from kerazoo.zoo.agent_config import AnyConfig
from kerazoo.zoo.config import Weights, ZooConfig
from kerazoo.zoo.config_file import read_config
from kerazoo.zoo.package_configs import package_configs

_PACKAGE = Path(__file__).resolve().parent.parent
_added: dict[str, Path] = {}
_read_alone: dict[str, Path] = {}  # name -> file of those that are used without being added


def list_models(
    pattern: str = "*", *, task: str | None = None, pretrained: bool | None = None
) -> list[str]:
    """Names of the models in the zoo, sorted.

    Args:
        pattern: shell wildcards, such as `"mnist_*"`.
        task: keep models of this task only, such as `"image-classification"`.
        pretrained: keep only models with (True) or without (False) published weights.

    Raises:
        UnknownNameError: no model has this `task`.

    >>> import kerazoo
    >>> kerazoo.list_models("mnist_*")
    ['mnist_cnn', 'mnist_mlp']
    """
    names = sorted(name for name in _paths() if fnmatchcase(name, pattern))
    if task is not None:
        tasks = {name: find_any_config(name).task for name in _paths()}
        if task not in tasks.values():
            raise unknown_name("task", task, set(tasks.values()))
        names = [name for name in names if tasks[name] == task]
    if pretrained is not None:
        names = [name for name in names if bool(find_any_config(name).weights) == pretrained]
    return names


def find_config(name: str) -> ZooConfig:
    """The config of the model called `name`, which learns from a data set.

    Raises:
        UnknownNameError: there is none; the message has the nearest names.
        ConfigError: its file is wrong, or it learns by reinforcement.
    """
    return of_data(find_any_config(name))


def of_data(config: AnyConfig) -> ZooConfig:
    """`config`, if it learns from a data set. Raises `ConfigError` otherwise."""
    if isinstance(config, ZooConfig):
        return config
    raise ConfigError(
        f"{config.name!r} learns in an environment, not from data: use kerazoo.rl.train, "
        f"kerazoo.rl.evaluate and kerazoo.rl.export, or the commands `kerazoo train`, `evaluate` "
        f"and `export`. What compresses, distills or predicts takes no agents."
    )


def find_or_read(name_or_config: str | os.PathLike[str] | AnyConfig) -> AnyConfig:
    """A config as it is, the one in a .yaml file, or the one of a name. Raises as `find_config`."""
    if not isinstance(name_or_config, str | os.PathLike):
        return name_or_config
    text = str(name_or_config)
    if text.endswith(".yaml"):
        config = read_config(Path(text))
        _read_alone[config.name] = Path(text).resolve()
        return config
    if text.endswith(".yml"):
        raise ConfigError(f"A config's file ends in .yaml. Rename {text!r}.")
    if text.endswith((".keras", ".h5", ".tflite")):
        raise ConfigError(
            f"{text!r} is a model's file, and this takes a model of the zoo by name, or a config "
            f"in a .yaml file. A .keras file's model is quantized by `kerazoo export FILE PATH "
            f"--quantize int8 --calibration FOLDER`, and compressed by kerazoo.compress."
        )
    return find_any_config(text)


def find_any_config(name: str) -> AnyConfig:
    """The config of the model called `name`, however it learns. Raises as `find_config`."""
    paths = _paths()
    if name not in paths:
        raise unknown_name("model", name, paths)
    return _read_once(paths[name])


def add_config(path: str | os.PathLike[str]) -> list[str]:
    """Add a model to the zoo, for this process, from a YAML file or a folder of them.

    Args:
        path: a file named after its model, `my_net.yaml`, or a folder of such files.

    Returns: the names added.

    Raises:
        ConfigError: a file is wrong, or a name is taken; then none is added.

    >>> import kerazoo
    >>> from pathlib import Path
    >>> _ = Path("my_net.yaml").write_text('''
    ... name: my_net
    ... task: regression
    ... summary: One hidden layer for the diabetes data.
    ... model: {builder: mlp, arguments: {input_shape: [10], num_classes: 1, hidden_units: [8]}}
    ... data: {dataset: diabetes, batch_size: 32}
    ... training:
    ...   epochs: 10
    ...   optimizer: {name: adam, learning_rate: 1.0e-3}
    ...   loss: {name: mean_squared_error}
    ... card: {license: CC0-1.0, limits: An example.}
    ... ''')
    >>> kerazoo.add_config("my_net.yaml")
    ['my_net']
    >>> kerazoo.get("my_net").output_shape
    (None, 1)
    """
    path = Path(path).resolve()
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"The folder {str(path)!r} has no .yaml files.")
    _read_once.cache_clear()  # a file that is added again may have changed
    new = {_read_once(file).name: file for file in files}
    for name, file in new.items():
        taken = _paths().get(name)
        if taken is not None and taken != file:
            raise ConfigError(f"{file}: the name {name!r} is taken by {taken}. Choose another.")
    _added.update(new)
    return sorted(new)


def configs_folder() -> Path:
    """Where kerazoo's own configs are: inside an installed package, beside it in a checkout."""
    beside = _PACKAGE.parent
    is_checkout = (beside / "pyproject.toml").is_file()
    return (beside if is_checkout else _PACKAGE) / "zoo_configs"


def weights_folder() -> Path:
    """Where kerazoo's own weights files are."""
    return _PACKAGE / "weights"


def weights_file(config: AnyConfig, published: Weights) -> Path:
    """Where a published file of a config is: kerazoo's own in their folder, others beside the
    config. The name of a file has no folder in it, so that it leads nowhere else."""
    path = _paths().get(config.name) or _read_alone.get(config.name)
    if path is None or path.parent == configs_folder():
        return weights_folder() / published.file
    return path.parent / published.file


def _paths() -> dict[str, Path]:
    own = {path.stem: path for path in configs_folder().glob("*.yaml")}
    others = package_configs()
    for name in own.keys() & others.keys():
        raise ConfigError(
            f"Two models are named {name!r}; one is {others[name]} of an installed package. "
            f"Uninstall that package."
        )
    return {**own, **others, **_added}


@cache
def _read_once(path: Path) -> AnyConfig:
    config = read_config(path)
    if config.name != path.stem:
        raise ConfigError(
            f"{path}: `name` must be the file's name. Received: name={config.name!r}. "
            f"Rename the file to {config.name}.yaml or the model to {path.stem!r}."
        )
    return config
