"""Names, dicts and files of schemes."""

import pytest

from kerazoo.compress import QuantizationScheme
from kerazoo.compress.scheme import SchemeByLayer
from kerazoo.errors import ConfigError, UnknownNameError


def test_last_pattern_that_matches_counts():
    of = SchemeByLayer({"*": "int8", "head_*": "int4_weights", "head_out": None})
    assert of("stem").weight_bits == 8
    assert of("head_1").weight_bits == 4
    assert of("head_out") is None
    assert of("anything", "head_2").weight_bits == 4  # any of a layer's names


def test_nothing_matches_is_float_and_skip_comes_last():
    assert SchemeByLayer({"conv_*": "int8"})("dense") is None
    of = SchemeByLayer("int8", skip=["logits"])
    assert of("logits") is None
    assert of("conv").activation_bits == 8


def test_skip_comes_last_where_the_scheme_has_the_same_pattern():
    of = SchemeByLayer({"head_*": "int4_weights", "*_proj": "int8"}, skip=["head_*"])
    assert of("head_proj") is None
    assert of("stem_proj").weight_bits == 8


def test_yaml_file(tmp_path):
    path = tmp_path / "scheme.yaml"
    path.write_text('"*": int8\nhead: {weight_bits: 4, ranges: percentile}\nlogits: null\n')
    of = SchemeByLayer(path)
    assert of("head") == QuantizationScheme(4, 8, "percentile")
    assert of("logits") is None
    assert of("conv") == QuantizationScheme()
    assert SchemeByLayer(str(path), ranges="learned")("conv").ranges == "learned"


@pytest.mark.parametrize("text", ["- int8", "int8", "1: int8", "{", "'*': {bits: 8}"])
def test_files_that_are_no_scheme(tmp_path, text):
    (tmp_path / "scheme.yaml").write_text(text)
    with pytest.raises(ConfigError):
        SchemeByLayer(tmp_path / "scheme.yaml")


def test_missing_file_and_unknown_names():
    with pytest.raises(ConfigError, match="Cannot read"):
        SchemeByLayer("nowhere.yaml")
    with pytest.raises(UnknownNameError, match="int8"):
        SchemeByLayer("int9")
    with pytest.raises(UnknownNameError, match="learned"):
        QuantizationScheme(ranges="learnt")
    with pytest.raises(ConfigError, match="`weight_bits`"):
        QuantizationScheme(weight_bits=2)
    with pytest.raises(ConfigError, match="`scheme` must be"):
        SchemeByLayer(8)


def test_a_file_has_weights_of_4_bits_or_activations_of_16():
    with pytest.raises(ConfigError, match="`weight_bits=4` does not go with `activation_bits=16`"):
        QuantizationScheme(weight_bits=4, activation_bits=16)
    with pytest.raises(ConfigError, match="does not go with"):
        SchemeByLayer({"*": {"weight_bits": 4, "activation_bits": 16}})
    assert QuantizationScheme(4, None).activation_bits is None
