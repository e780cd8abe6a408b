"""A Keras 3 model as a network of TF-Agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import tensorflow as tf
from tf_agents.networks import network
from tf_agents.networks.utils import BatchSquash
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import StepType
from tf_agents.utils import nest_utils

from kerazoo.errors import ConfigError

ModelOrBuilder: TypeAlias = keras.Model | Callable[[], keras.Model]


class KerasNetwork(network.Network):
    """A Keras 3 model where TF-Agents takes a `Network`, such as the Q-network of `DqnAgent`.

    The agent sees the model's variables, so that gradients, target networks and
    `tf.train.Checkpoint` work as with networks of Keras 2. `copy` makes the same model with fresh
    weights; `training` is passed on, so dropout and batch normalization know what they are in.

    A recurrent network is a model of one time step: its inputs are `{"observation": ..., "state":
    ...}`, its outputs `{"output": ..., "state": ...}`, both states of one structure. The state
    starts as zeros, and again at each first step of an episode.

    Args:
        model: a built `keras.Model`, or a function without arguments that makes one. It takes
            observations `(batch, ...)` in the structure of `input_spec` and returns, here,
            Q-values `(batch, actions)`.
        input_spec: nest of `tf.TensorSpec` of one observation, without batch:
            `environment.observation_spec()`.
        name: of the network.

    Raises:
        ConfigError: `model` is no Keras 3 model, does not take the observations, or its output has
            another form.

    >>> import tensorflow as tf
    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    >>> network = kerazoo.rl.KerasNetwork(model, tf.TensorSpec((4,), tf.float32))
    >>> q_values, state = network(tf.zeros((3, 4)))
    >>> q_values.shape
    TensorShape([3, 2])
    """

    def __init__(self, model: ModelOrBuilder, input_spec: Any, name: str = "KerasNetwork"):
        made = model if isinstance(model, keras.Model) else _build(model)
        super().__init__(input_spec, state_spec=_state_spec(made), name=name)
        self._set_untracked("model", made)
        self._set_untracked("_input_tensor_spec", tensor_spec.from_spec(input_spec))
        self._check_input()
        self._tracked_values = [v.value for v in made.variables]  # what checkpoints hold
        self.built = True

    def call(
        self,
        observation: Any,
        step_type: Any = None,
        network_state: Any = (),
        training: Any = False,
    ) -> tuple[Any, Any]:
        """`(output, next state)`; observations `(batch, ...)` or `(batch, time, ...)`."""
        outer_rank = nest_utils.get_outer_rank(observation, self.input_tensor_spec)
        if self.state_spec:
            outputs, network_state = self._unroll(
                observation, step_type, network_state, training, has_time=outer_rank == 2
            )
        else:
            squash = BatchSquash(outer_rank)
            flat = tf.nest.map_structure(squash.flatten, observation)
            outputs = self.model(flat, training=training)
            outputs = tf.nest.map_structure(squash.unflatten, outputs)
            network_state = ()
        return self._head(outputs), network_state

    def copy(self, **changes: Any) -> KerasNetwork:
        """The same network with fresh weights, and with other arguments where given."""
        arguments = {**self._saved_kwargs, **changes}
        if isinstance(arguments["model"], keras.Model):
            arguments["model"] = keras.models.clone_model(arguments["model"])
        return type(self)(**arguments)

    # Read from the model each time: a layer may be frozen or thawed after the network was made.

    @property
    def variables(self) -> list[tf.Variable]:
        """All of the model's variables, as TensorFlow's."""
        return [v.value for v in self.model.variables]

    @property
    def trainable_variables(self) -> list[tf.Variable]:
        """Those that an optimizer changes."""
        return [v.value for v in self.model.trainable_variables]

    @property
    def non_trainable_variables(self) -> list[tf.Variable]:
        """The others: statistics, seeds, frozen layers."""
        return [v.value for v in self.model.non_trainable_variables]

    weights = variables
    trainable_weights = trainable_variables
    non_trainable_weights = non_trainable_variables

    @property
    def losses(self) -> list[tf.Tensor]:
        """Regularization, which agents add to their loss."""
        return list(self.model.losses)

    def _head(self, outputs: Any) -> Any:
        """From the model's outputs, with the outer dimensions of the call, to the network's."""
        return outputs

    def _unroll(
        self, observation: Any, step_type: Any, state: Any, training: Any, *, has_time: bool
    ) -> tuple[Any, Any]:
        if not has_time:
            return self._step(observation, step_type, state, training)
        length = tf.nest.flatten(observation)[0].shape[1]
        if length is None:
            raise ConfigError("A recurrent network needs sequences of a fixed length.")
        outputs = []
        for time in range(length):
            now = tf.nest.map_structure(lambda x, t=time: x[:, t], observation)
            kind = None if step_type is None else step_type[:, time]
            output, state = self._step(now, kind, state, training)
            outputs.append(output)
        return tf.nest.map_structure(lambda *steps: tf.stack(steps, axis=1), *outputs), state

    def _step(self, observation: Any, step_type: Any, state: Any, training: Any) -> tuple[Any, Any]:
        batch = tf.shape(tf.nest.flatten(observation)[0])[0]
        initial = self.get_initial_state(batch)
        if state is None or (isinstance(state, tuple) and not state):
            state = initial
        if step_type is not None:
            first = tf.equal(step_type, StepType.FIRST)
            state = tf.nest.map_structure(
                lambda start, now: nest_utils.where(first, start, now), initial, state
            )
        outputs = self.model({"observation": observation, "state": state}, training=training)
        return outputs["output"], outputs["state"]

    def _check_input(self) -> None:
        sample = tf.nest.map_structure(
            lambda spec: tf.zeros((1, *spec.shape), spec.dtype), self.input_tensor_spec
        )
        try:
            self.call(sample)
        except ConfigError:
            raise
        except Exception as error:  # Keras and TensorFlow raise their own kinds
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"The model {self.model.name!r} does not take observations of "
                f"{_described(self.input_tensor_spec)}: {reason}"
            ) from error

    def _set_untracked(self, name: str, value: Any) -> None:
        """Keras 2 would take a Keras 3 object for a layer of its own, and wrap a dict."""
        object.__setattr__(self, name, value)


def _build(builder: Any) -> keras.Model:
    is_layer = isinstance(builder, tf.Module)  # of Keras 2; it can be called, but makes no model
    model = builder() if callable(builder) and not is_layer else builder
    if not isinstance(model, keras.Model):
        raise ConfigError(
            f"`model` must be a keras.Model of Keras 3, or a function that returns one. "
            f"Received: {type(model).__module__}.{type(model).__name__}."
        )
    return model


def _state_spec(model: keras.Model) -> Any:
    """Of a recurrent model; `()` of any other."""
    inputs = getattr(model, "_inputs_struct", None)
    if not (isinstance(inputs, dict) and set(inputs) == {"observation", "state"}):
        return ()
    outputs = model._outputs_struct
    if not (isinstance(outputs, dict) and set(outputs) == {"output", "state"}):
        raise ConfigError(
            f"The recurrent model {model.name!r} must return a dict of 'output' and 'state'."
        )
    specs = [
        tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape[1:], x.dtype), struct["state"])
        for struct in (inputs, outputs)
    ]
    if specs[0] != specs[1]:
        raise ConfigError(
            f"The states that the model {model.name!r} takes and returns must be of one form. "
            f"Received: {_described(specs[0])} and {_described(specs[1])}."
        )
    return specs[0]


def _described(specs: Any) -> str:
    return str(tf.nest.map_structure(lambda spec: (tuple(spec.shape), spec.dtype.name), specs))
