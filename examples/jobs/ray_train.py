"""Training by Ray: two workers, started again from the last checkpoint up to three times.

    python ray_train.py mnist_cnn /shared/runs/mnist_cnn

`pip install "ray[train]"`. The folder must be one that all nodes see. Ray sets TF_CONFIG.
"""

import sys

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer


def train_worker(config):
    """Runs in each worker, in a process of its own."""
    import os

    os.environ["TF_NUM_INTRAOP_THREADS"] = str(config["threads"])  # before TensorFlow is imported

    import ray.train

    import kerazoo

    result = kerazoo.train(
        config["model"],
        epochs=config["epochs"],
        output_dir=config["folder"],
        strategy="multi_worker",
        progress=False,
    )
    ray.train.report(result.metrics)


def main(model, folder, *, workers=2, threads=1, epochs=None):
    """Train; what comes of it is in the folder. Raises Ray's error if it fails once too often."""
    trainer = TensorflowTrainer(
        train_worker,
        train_loop_config={"model": model, "folder": folder, "threads": threads, "epochs": epochs},
        scaling_config=ScalingConfig(num_workers=workers, resources_per_worker={"CPU": threads}),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=3)),
    )
    trainer.fit()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
