"""Model files made by hand, and what `kerazoo.verify` says of them."""

import io
import json
import zipfile

import h5py
import numpy as np

import kerazoo


def dangers(path):
    """What is dangerous in the file, as one text."""
    report = kerazoo.verify(path)
    assert not report.is_safe, str(report)
    assert all("\n" not in finding.what for finding in report.findings)
    return "\n".join(
        f"{one.where}: {one.what}" for one in report.findings if one.severity[0] == "d"
    )


def layer(kind, module="keras.layers", *, build=None, **config):
    """A layer of a config, as Keras 3 writes it."""
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": kind.lower(), **config},
        "registered_name": None,
        **({"build_config": build} if build else {}),
    }


def function(name, module):
    """A function in a config."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def model(*layers):
    """The config of a Sequential model."""
    return layer("Sequential", "keras", layers=list(layers))


DENSE = layer(
    "Dense",
    units=2,
    activation="relu",
    dtype=layer("DTypePolicy", "keras"),
    kernel_initializer=layer("GlorotUniform", "keras.initializers", seed=None),
    build={"input_shape": [None, 4]},
)


def weights_h5(change=lambda file: None):
    """The bytes of a weights file, after `change`."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers/dense/vars/0"] = np.ones((4, 2), "float32")
        file["layers/dense/vars/1"] = np.zeros(2, "float32")
        change(file)
    return content.getvalue()


def keras_file(path, config=None, weights=None, **members):
    """A .keras file; names of `members` with "__" for ".", and "_0_" for "/"."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", json.dumps(model(DENSE) if config is None else config))
        archive.writestr("model.weights.h5", weights_h5() if weights is None else weights)
        for name, content in members.items():
            archive.writestr(name.replace("__", ".").replace("_0_", "/"), content)
    return path


def h5_model(path, config):
    """A whole model of the older kind."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        file["model_weights/dense/dense/kernel:0"] = np.ones((4, 2), "float32")
    return path
