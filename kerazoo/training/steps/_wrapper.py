"""What the train steps share: a Keras model around another one, with a training step of its own.

A subclass says what one batch costs (`training_loss`); gradients, loss scaling, replicas and
metrics are done here as `keras.Model.train_step` does them on TensorFlow.
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from kerazoo.errors import ConfigError, MissingDependencyError

_SEED = "random_state_"
# Of the model inside, nobody calls these.
_REPLACED = ("train_step", "test_step", "compute_loss", "compute_metrics")


class TrainStepWrapper(keras.Model):
    """Computes what `model` computes, and trains it with another step.

    `step_losses` names the losses that training reports beside the compiled ones, each the mean
    over the epoch; `evaluate` leaves them out.
    """

    step_losses: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: keras.Model, **kwargs: Any):
        if keras.backend.backend() != "tensorflow":
            raise MissingDependencyError(
                f"`{type(self).__name__}` runs on the TensorFlow backend of Keras. Received: "
                f"{keras.backend.backend()}. Set KERAS_BACKEND=tensorflow before Keras is imported."
            )
        if not (isinstance(model, keras.Model) and model.built):
            raise ConfigError(
                f"`model` must be a keras.Model that is built. Received: {model!r}. Begin it with "
                f"keras.Input, or call it on a batch first."
            )
        own = [name for name in _REPLACED if _is_overridden(model, name)]
        if own:
            raise ConfigError(
                f"`model` must train as keras.Model does, since `{type(self).__name__}` brings a "
                f"step of its own. Received: {type(model).__name__}, which overrides "
                f"{', '.join(own)}. Wrap the plain model, and train it by one step at a time."
            )
        # The model's precision decides whether `compile` scales the loss.
        super().__init__(dtype=kwargs.pop("dtype", model.dtype_policy), **kwargs)
        self.model = model
        self.built = True
        self.step_trackers = {name: keras.metrics.Mean(name=name) for name in self.step_losses}

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.model(inputs)  # Keras hands `training` on to the layers inside

    @property
    def output_names(self) -> list[str]:
        """The inner model's: losses and metrics of several outputs are compiled by these names."""
        return self.model.output_names

    def training_loss(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        """What to minimise on a batch, and `(y, y_pred, sample_weight)` for the compiled metrics.

        The loss is this replica's share: the shares of all replicas add up to the global batch's
        loss, as those of Keras's losses do.
        """
        raise NotImplementedError

    def train_step(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss, seen = self.training_loss(x, y, sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss)
        weights = self.trainable_variables
        self.optimizer.apply_gradients(
            zip(tape.gradient(scaled_loss, weights), weights, strict=True)
        )
        self.record_loss(loss, x)
        return self.compute_metrics(x, *seen)

    def test_step(self, data: Any) -> dict[str, Any]:
        logs = super().test_step(data)
        return {name: value for name, value in logs.items() if name not in self.step_losses}

    def record_loss(self, loss: Any, x: Any, name: str = "loss") -> None:
        """Add a replica's share of a loss to the epoch's mean: "loss" or one of `step_losses`."""
        batch_size = keras.ops.shape(keras.tree.flatten(x)[0])[0]
        for metric in self.metrics:
            if metric.name == name:
                metric.update_state(loss * self.replicas_in_sync, sample_weight=batch_size)

    @property
    def replicas_in_sync(self) -> int:
        """How many replicas share a step."""
        import tensorflow as tf

        return int(tf.distribute.get_strategy().num_replicas_in_sync)

    @property
    def random_states(self) -> list[Any]:
        """The variables of all seed generators, this wrapper's and those of the layers inside."""
        weights = {id(weight) for weight in self.weights}
        return [variable for variable in self.variables if id(variable) not in weights]

    def without_updates(self, weights: Any = None, seeds: Any = None) -> keras.StatelessScope:
        """A scope in which no variable changes: no statistics, no seeds, no metrics.

        `weights` stand in for the trainable variables, `seeds` for the random states.
        """
        own, states = self.trainable_variables, self.random_states
        return keras.StatelessScope(
            [
                *zip(own, own if weights is None else weights, strict=True),
                *zip(states, states if seeds is None else seeds, strict=True),
            ],
            collect_losses=True,
        )

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Keras does this by itself only where `compile` is its own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def save_own_variables(self, store: Any) -> None:
        """Random states too: Keras leaves them out, and the next steps depend on them."""
        super().save_own_variables(store)
        for number, state in enumerate(self.random_states):
            store[f"{_SEED}{number}"] = state

    def load_own_variables(self, store: Any) -> None:
        for number, state in enumerate(self.random_states):
            state.assign(store[f"{_SEED}{number}"])
        own = [name for name in store.keys() if not name.startswith(_SEED)]  # noqa: SIM118
        super().load_own_variables({name: store[name] for name in own})

    def get_config(self) -> dict[str, Any]:
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TrainStepWrapper:
        """The wrapper of a config, whose models and layers are serialised Keras objects."""
        return cls(**{name: _deserialize(value) for name, value in config.items()})


def _is_overridden(model: keras.Model, name: str) -> bool:
    return getattr(type(model), name) is not getattr(keras.Model, name)


def _deserialize(value: Any) -> Any:
    is_object = isinstance(value, dict) and "class_name" in value
    return keras.saving.deserialize_keras_object(value) if is_object else value
