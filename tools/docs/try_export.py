"""Export one file for the pages "Try it": python tools/docs/try_export.py NAME KIND PATH.

A process of its own, since the policy of a game may need another Python (kerazoo[rl]).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import kerazoo
from kerazoo.cli.agents import is_agent

if TYPE_CHECKING:
    import numpy as np

SAMPLES = 300


def main() -> None:
    name, kind, path = sys.argv[1:]
    try:
        if is_agent(name) and kind == "int8":
            report = kerazoo.rl.export(name, path, quantize=kind)
        else:
            wants = kind == "int8" and kerazoo.info(name).dataset == "imagenet"
            calibration = crops(SAMPLES) if wants else None
            report = kerazoo.export(name, path, quantize=kind, calibration=calibration)
    except kerazoo.KerazooError as error:
        sys.exit(str(error))
    same = f"{report.agreement:.1%} of {report.samples} samples" if report.samples else "no samples"
    print(f"{name}: {kind}, {report.size_bytes:,} bytes, same answer as in Keras on {same}")


def crops(count: int, side: int = 224) -> np.ndarray:
    """Parts of scikit-learn's two photographs, uint8 `(count, side, side, 3)`, by seed 0.

    Nobody may pass ImageNet on. An EfficientNet-Lite needs little: its activations end at 6 by
    construction (docs/decisions.md has the comparison with other pictures).
    """
    import numpy as np
    import tensorflow as tf
    from sklearn.datasets import load_sample_images

    generator = np.random.default_rng(0)
    photographs = load_sample_images().images
    made = []
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        sizes = (np.array(photograph.shape[:2]) * generator.uniform(0.3, 1, 2)).astype(int)
        top, left = generator.integers(0, np.array(photograph.shape[:2]) - sizes + 1)
        crop = photograph[top : top + sizes[0], left : left + sizes[1]]
        crop = crop[:, :: generator.choice([-1, 1])]
        crop = tf.image.resize(crop, (side, side), antialias=True).numpy()
        made.append(np.clip(crop * generator.uniform(0.5, 1.5), 0, 255).round())
    return np.array(made, np.uint8)


if __name__ == "__main__":
    main()
