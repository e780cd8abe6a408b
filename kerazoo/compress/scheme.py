"""What is quantized to how many bits: the schemes, and which layer gets which."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kerazoo.argument_checks import check_number
from kerazoo.compress._layer_patterns import as_patterns, matches
from kerazoo.errors import ConfigError, unknown_name

RANGES = ("moving_average", "percentile", "learned")


@dataclass(frozen=True)
class QuantizationScheme:
    """Bits of weights and activations, and where the ranges of activations come from.

    Args:
        weight_bits: 8 or 4, symmetric around 0 without the most negative integer.
        activation_bits: 8 (asymmetric), 16 (symmetric, for weights of 8 bits only), or None:
            activations stay in float.
        ranges: "moving_average" of each batch's smallest and largest value; "percentile", the same
            of its percentiles; or "learned", a step that is trained (Esser et al. 2019,
            arXiv:1902.08153, from the first batch's range on).
        percentile: of "percentile" only: the share of values in percent, above 50 and below 100,
            that lies below the upper and above the lower end of the range.

    Raises: ConfigError if an argument is none of these, or two do not go together.

    >>> QuantizationScheme(weight_bits=4).activation_bits
    8
    """

    weight_bits: int = 8
    activation_bits: int | None = 8
    ranges: str = "moving_average"
    percentile: float = 99.99

    def __post_init__(self):
        if self.weight_bits not in (4, 8):
            raise ConfigError(f"`weight_bits` must be 8 or 4. Received: {self.weight_bits!r}.")
        if self.activation_bits not in (8, 16, None):
            raise ConfigError(
                f"`activation_bits` must be 8, 16 or None. Received: {self.activation_bits!r}."
            )
        if self.weight_bits == 4 and self.activation_bits == 16:
            raise ConfigError(
                "`weight_bits=4` does not go with `activation_bits=16`: a file has weights of 4 "
                "bits or activations of 16. Use `activation_bits=8`, or `weight_bits=8`."
            )
        if self.ranges not in RANGES:
            raise unknown_name("kind of ranges", self.ranges, RANGES)
        check_number("percentile", self.percentile, above=50, below=100)


SCHEMES: dict[str, QuantizationScheme] = {
    "int8": QuantizationScheme(),
    "int8_weights": QuantizationScheme(activation_bits=None),
    "int16x8": QuantizationScheme(activation_bits=16),
    "int4_weights": QuantizationScheme(weight_bits=4),
}


class SchemeByLayer:
    """The scheme of each layer, by patterns of layer names: the last one that matches counts.

    Args:
        scheme: the name of a scheme; a QuantizationScheme; a dict of layer-name patterns
            ("*", "head_*", as `fnmatch` knows them) to either, or to None for float; or the path
            of a YAML file with that dict.
        ranges: replaces the `ranges` of all schemes; None keeps them.
        skip: further patterns, of layers that stay in float.

    Raises: UnknownNameError for an unknown scheme, ConfigError for anything that is no scheme.

    >>> of = SchemeByLayer({"*": "int8", "logits": None})
    >>> of("conv").weight_bits, of("logits")
    (8, None)
    """

    def __init__(self, scheme: Any = "int8", ranges: str | None = None, skip: Sequence[str] = ()):
        skipped = as_patterns(skip)
        given = {p: value for p, value in _patterns(scheme).items() if p not in skipped}
        patterns = {**given, **dict.fromkeys(skipped)}  # in this order: those of `skip` count
        self.patterns = {
            pattern: _with_ranges(_scheme(value), ranges) for pattern, value in patterns.items()
        }

    def __call__(self, *names: str) -> QuantizationScheme | None:
        """The scheme of the layer called any of `names`, its own name first; None for float, and
        if nothing matches."""
        matching = [scheme for p, scheme in self.patterns.items() if matches(p, names)]
        return matching[-1] if matching else None

    def unmatched(self, names: list[str]) -> list[str]:
        """The patterns that match none of the layers `names`: most likely mistyped."""
        return [
            p for p in self.patterns if p != "*" and not any(matches(p, [name]) for name in names)
        ]


def _patterns(scheme: Any) -> Mapping[str, Any]:
    if isinstance(scheme, Mapping):
        return _by_name(scheme, "`scheme`")
    is_path = isinstance(scheme, os.PathLike) or (
        isinstance(scheme, str) and scheme.endswith((".yaml", ".yml"))
    )
    return _read(Path(scheme)) if is_path else {"*": scheme}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the scheme {str(path)!r}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{str(path)!r} is no YAML: {' '.join(str(error).split())}.") from error
    return _by_name(content, repr(str(path)))


def _by_name(content: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise ConfigError(
            f"{source} must map layer names to schemes, as {{'*': int8, logits: null}}. "
            f"Received: {content!r}."
        )
    return content


def _scheme(value: Any) -> QuantizationScheme | None:
    if value is None or isinstance(value, QuantizationScheme):
        return value
    if isinstance(value, str):
        if value not in SCHEMES:
            raise unknown_name("quantization scheme", value, SCHEMES)
        return SCHEMES[value]
    if isinstance(value, Mapping):
        try:
            return QuantizationScheme(**value)
        except TypeError as error:
            raise ConfigError(f"A scheme cannot have these fields: {dict(value)!r}.") from error
    raise ConfigError(
        "`scheme` must be a name, a QuantizationScheme, a dict by layer name or the path of a "
        f"YAML file. Received: {value!r}."
    )


def _with_ranges(
    scheme: QuantizationScheme | None, ranges: str | None
) -> QuantizationScheme | None:
    if scheme is None or ranges is None:
        return scheme
    return QuantizationScheme(scheme.weight_bits, scheme.activation_bits, ranges, scheme.percentile)
