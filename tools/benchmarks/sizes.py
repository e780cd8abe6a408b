"""How much each suite of the benchmark does: all of it, or the little that shows that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """What is repeated how often, and on how much.

    Attributes:
        rounds: turns of every contender; `--rounds` sets it.
        least_rounds: the same where a turn takes a second or two, unless `rounds` are more.
        burst, warm_up: calls of a turn that is a burst of calls, and its first, not counted.
        bursts: of a contender in a round of the suite "tflite".
        test_images: of the suite "tflite"; None for all.
        train_samples, train_epochs: of the suite "train"; the first epoch is not counted.
        loop_steps, loop_epochs: of a turn of the suite "loop"; the first epoch is not counted.
        checkpoint_steps: from a checkpoint's begin to the end of what it is measured on.
        compress_steps, distill_samples, hub_steps: of a turn of these suites.
        scale_steps: above 8, the steps that are not counted.
        scale_contenders: names in `scale.CONTENDERS`; None for all.
        rl_iterations: of a turn; `rl_memory_steps`: of the run whose memory is watched;
            `rl_episodes`: of each published agent.
        networks: of `keras.applications`, for the suite "flops".
        zoo_models: None for all that are published; `zoo_samples`: of a test split, None for all.
    """

    rounds: int
    least_rounds: int
    burst: int
    warm_up: int
    bursts: int
    test_images: int | None
    train_samples: int
    train_epochs: int
    loop_steps: int
    loop_epochs: int
    checkpoint_steps: int
    compress_steps: int
    distill_samples: int
    hub_steps: int
    scale_steps: int
    scale_contenders: tuple[str, ...] | None
    rl_iterations: int
    rl_memory_steps: int
    rl_episodes: int
    networks: tuple[str, ...]
    zoo_models: tuple[str, ...] | None
    zoo_samples: int | None

    @property
    def short_rounds(self) -> int:
        """Rounds where a turn takes a second or two."""
        return max(self.rounds, self.least_rounds)


FULL = Sizes(
    rounds=3,
    least_rounds=9,
    burst=30,
    warm_up=10,
    bursts=10,
    test_images=None,
    train_samples=20_000,
    train_epochs=3,
    loop_steps=150,
    loop_epochs=3,
    checkpoint_steps=50,
    compress_steps=40,
    distill_samples=12_800,
    hub_steps=50,
    scale_steps=64,
    scale_contenders=None,
    rl_iterations=1000,
    rl_memory_steps=200_000,
    rl_episodes=100,
    networks=("MobileNetV2", "EfficientNetB0", "DenseNet121", "ResNet50"),
    zoo_models=None,
    zoo_samples=None,
)

QUICK = Sizes(
    rounds=1,
    least_rounds=1,
    burst=3,
    warm_up=1,
    bursts=1,
    test_images=200,
    train_samples=256,
    train_epochs=2,
    loop_steps=4,
    loop_epochs=2,
    checkpoint_steps=3,
    compress_steps=2,
    distill_samples=256,
    hub_steps=3,
    scale_steps=12,
    scale_contenders=("1 process, 2 threads", "2 workers, 1 thread each"),
    rl_iterations=20,
    rl_memory_steps=10_000,
    rl_episodes=2,
    networks=("MobileNet",),
    zoo_models=("mnist_mlp", "timeseries_forecaster", "ml100k_two_tower", "mr_text_lstm"),
    zoo_samples=50,
)
