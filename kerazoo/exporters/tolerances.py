"""How far an exported file may be from its Keras model, per mode, and why that far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """Limits for each output; a file beyond any of them is refused.

    `relative_error`: root mean square of (file - Keras) over the standard deviation of the Keras
    values. `max_abs_error`: largest single difference, in units of the largest absolute Keras
    value or 1, whichever is more; None = no limit. `agreement`: least fraction of samples with the
    class of the Keras model, near ties aside. `layer_error`: relative error at which a layer is
    called the place where the error grows.
    """

    relative_error: float
    max_abs_error: float | None
    agreement: float
    layer_error: float


# float32: only the order of summation differs, about 1e-6; 1e-3 leaves room for deep models.
# float16: weights keep 11 bits, so each is off by at most 2**-12 = 0.02 %, ten layers by under 1 %.
# dynamic: 8-bit weights and, while running, 8-bit inputs of matrix products: 0.4 % of the largest
#   value each, a few per cent at the end of a deep model.
# int8: as dynamic, and every activation is rounded to 256 steps of a range seen in calibration.
#   Trained small models end at 1 to 5 %; above 20 % a range is wrong or a layer unfit for 8 bits.
# int16x8: activations have 65,536 steps, so the 8-bit weights alone make the error.
# Seen in November 2026, mnist_cnn after one epoch on 3,000 digits: 4e-7 in float32, 0.008 in int8;
# a net with two convolutions, batch norm and GELU: float16 3e-4, dynamic 0.004, int16x8 0.006,
# int8 0.014. Near ties change their class in any mode, hence "near ties aside".
_FLOAT32 = Tolerance(1e-3, 1e-3, 0.999, 1e-3)
TOLERANCES: dict[str | None, Tolerance] = {
    None: _FLOAT32,
    "float16": Tolerance(0.02, None, 0.99, 0.01),
    "dynamic": Tolerance(0.15, None, 0.95, 0.10),
    "int8": Tolerance(0.20, None, 0.95, 0.15),
    "int8_io": Tolerance(0.20, None, 0.95, 0.15),
    "int16x8": Tolerance(0.10, None, 0.97, 0.08),
    "int8_weights": Tolerance(0.15, None, 0.95, 0.10),
    "int4_weights": Tolerance(0.20, None, 0.95, 0.15),
}
