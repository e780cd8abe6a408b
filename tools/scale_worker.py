"""One process of tools/scale.py: trains some steps by `Loop`, and writes down what they took.

    python tools/scale_worker.py RESULT.json MODEL BATCH_SIZE STEPS

Under a launcher, each worker writes RESULT.json with its index in front of the name.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def sent_bytes() -> int:
    """On the loopback interface, since the machine (or its network namespace) has it."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "lo":
            return int(counters.split()[8])  # after eight of what was received
    return 0


def main(result: str, model_name: str, batch_size: int, steps: int) -> None:
    from kerazoo import distribute

    cluster = distribute.cluster_from_environment()
    strategy = distribute.strategy("auto")  # before anything else touches TensorFlow
    import keras

    import kerazoo

    with strategy.scope():
        model = kerazoo.get(model_name, weights=None, compile=False)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
    random = np.random.RandomState(0)
    shape = (16 * batch_size, *model.input_shape[1:])
    images = random.randint(0, 256, shape).astype("uint8")
    labels = random.randint(0, model.output_shape[-1], len(images))
    batches = kerazoo.datasets.Batches(images, labels, batch_size=batch_size)

    record: dict[str, list[float]] = {"time": [], "bytes": [], "cpu": []}

    def note(batch: int, logs: Any) -> None:
        record["time"].append(time.time())
        record["cpu"].append(time.process_time())
        record["bytes"].append(sent_bytes())

    loop = kerazoo.training.Loop(model)
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=note)
    loop.fit(batches, epochs=-(-steps // len(batches)), callbacks=[clock], progress=False)
    sizes = [int(np.prod(v.shape)) * 4 for v in model.trainable_variables]
    path = Path(result)
    index = 0 if cluster is None else cluster.index
    path.with_name(f"{index}-{path.name}").write_text(
        json.dumps({"gradient_bytes": sum(sizes), "pid": os.getpid(), **record})
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
