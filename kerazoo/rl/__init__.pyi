from .evaluation import evaluate as evaluate
from .export import export as export
from .gymnasium_environment import GymnasiumEnvironment as GymnasiumEnvironment
from .gymnasium_environment import gymnasium_environment as gymnasium_environment
from .keras_actor_distribution_network import (
    KerasActorDistributionNetwork as KerasActorDistributionNetwork,
)
from .keras_categorical_q_network import KerasCategoricalQNetwork as KerasCategoricalQNetwork
from .keras_network import KerasNetwork as KerasNetwork
from .keras_value_network import KerasValueNetwork as KerasValueNetwork
from .policy import Policy as Policy
from .record import record as record
from .run import Result as Result
from .running_normalization import RunningNormalization as RunningNormalization
from .train import train as train

__all__ = [
    "GymnasiumEnvironment",
    "KerasActorDistributionNetwork",
    "KerasCategoricalQNetwork",
    "KerasNetwork",
    "KerasValueNetwork",
    "Policy",
    "Result",
    "RunningNormalization",
    "evaluate",
    "export",
    "gymnasium_environment",
    "record",
    "train",
]
