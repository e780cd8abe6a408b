"""An optimizer whose learning rate differs from weight to weight.

Discriminative fine-tuning (Howard, Ruder 2018, arXiv:1801.06146, section 3.2): layers near the
input hold general knowledge, and are changed less than those near the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.errors import ConfigError


@keras.saving.register_keras_serializable(package="kerazoo")
class DepthRates(keras.optimizers.AdamW):
    """AdamW in which each variable's steps are `learning_rate * factors[variable.path]`.

    A factor scales the whole step of a variable, weight decay excepted. Scaling the gradients would
    do nothing: Adam divides by their size.

    Args:
        factors: from variable path to a number of 0 or above; 1 for what is not in it.
        learning_rate: a number or a schedule.
        kwargs: further ones of `keras.optimizers.AdamW`.

    Raises:
        kerazoo.errors.ConfigError: a factor is no number of 0 or above, or none of them names a
            variable of the model.

    >>> import keras, numpy as np
    >>> from kerazoo.training import DepthRates
    >>> inputs = keras.Input((1,))
    >>> model = keras.Model(inputs, keras.layers.Dense(1, name="out")(inputs))
    >>> model.compile(DepthRates({"out/bias": 0.0}, learning_rate=0.1), "mse")
    >>> _ = model.fit(np.ones((4, 1)), np.full((4, 1), 9.0), verbose=0)
    >>> float(model.layers[1].bias[0])
    0.0
    """

    def __init__(
        self,
        factors: Mapping[str, float],
        learning_rate: Any = 1e-3,
        name: str = "depth_rates",
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.factors = {
            path: check_number(f"factors[{path!r}]", factor, least=0.0)
            for path, factor in factors.items()
        }

    def build(self, variables: Any) -> None:
        """Keras calls it with the variables that are trained."""
        if not self.built:
            paths = [variable.path for variable in variables]
            if self.factors and not self.factors.keys() & set(paths):
                raise ConfigError(
                    f"`factors` names no variable that is trained: {list(self.factors)[:3]}. "
                    f"Trained: {paths[:3]}."
                )
            self._factor_of = [self.factors.get(path, 1.0) for path in paths]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's step; Keras calls it."""
        factor = self._factor_of[self._get_variable_index(variable)]
        super().update_step(gradient, variable, ops.multiply(learning_rate, factor))

    def get_config(self) -> dict[str, Any]:
        """Every argument, as Keras saves it."""
        return {**super().get_config(), "factors": self.factors}
