"""The YAML reader: every known trap is one clear error, everything else is what YAML 1.2 says."""

import contextlib

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kerazoo.errors import ConfigError
from kerazoo.zoo.config_file import to_yaml
from kerazoo.zoo.yaml_reader import MAX_BYTES, MAX_DEPTH, parse_yaml, read_yaml

BILLION_LAUGHS = "a: &a [lol, lol]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", ["line 3", "'a'", "twice"]),
        ("a:\n  b: 1\n  b: 1\n", ["line 3", "'b'", "twice"]),
        ("a:\n\tb: 1\n", ["line 2", "tabs"]),
        (BILLION_LAUGHS, ["line 1", "aliases"]),
        ("a: 1\nb: *a\n", ["line 2", "aliases"]),
        (
            "a: !!python/object/apply:os.system ['echo broken']\n",
            ["line 1", "python/object", "tag"],
        ),
        ("a: !!python/name:os.system\n", ["line 1", "tag"]),
        ("!!python/object:builtins.dict {a: 1}\n", ["line 1", "tag"]),
        ("a: !!int 3\n", ["line 1", "tag"]),
        ("a: 1\n---\nb: 2\n", ["line 2", "one document"]),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), ["nested deeper"]),
        ("[" * 50_000, ["nested deeper"]),
        ("{a: 1", ["line"]),
        ("a: 'open\n", ["line"]),
        ("1: a\n", ["line 1", "name is text", "1"]),
        ("null: a\n", ["line 1", "name is text"]),
        ("[a, b]: c\n", ["line 1", "name is text"]),
        ("just text", ["mapping", "just text"]),
        ("- 1\n- 2\n", ["mapping"]),
        ("", ["mapping", "None"]),
        ("a: \x00", ["character"]),
    ],
)
def test_a_trap_is_one_clear_line(text, words):
    with pytest.raises(ConfigError) as error:
        parse_yaml(text, source="net.yaml")
    message = str(error.value)
    assert message.startswith("net.yaml")
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("-2E+4", -20000.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("010", 10),  # YAML 1.1 and PyYAML: 8
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1e-3'", "1e-3"),
        ('"true"', "true"),
        ("12:30:00", "12:30:00"),  # PyYAML: 45000
        ("2001-01-01", "2001-01-01"),  # PyYAML: a date
        ("1_000", "1_000"),  # PyYAML: 1000
        ("a # comment", "a"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_follow_the_yaml_1_2_core_schema(text, value):
    result = parse_yaml(f"x: {text}\n")["x"]
    assert result == value
    assert type(result) is type(value)


def plain_data(texts):
    """Mappings as a config may hold them."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts
    )
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(texts, values, max_size=5)


TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "1e3",
        "1E-5",
        "08",
        "no",
        "true",
        "~",
        "",
        "-",
        "a: b",
        "&a",
        "*a",
        "!x",
        "#",
        "1.",
        "+1",
        "=",
    ]
)


@given(plain_data(TEXTS))
@example({"text that looks like a number": ["1e3", "08", "1.5E5"]})
@example({"1e3": "a field's name that looks like a number"})
def test_what_is_written_reads_back(data):
    assert parse_yaml(to_yaml(data)) == data


@given(plain_data(TEXTS))
def test_what_is_written_means_the_same_to_pyyaml(data):
    assert yaml.safe_load(to_yaml(data)) == data


@given(st.text(max_size=60) | st.text(alphabet="ab:{}[],&*!-|>'\"\n \t#?%@", max_size=60))
def test_any_text_gives_a_mapping_or_our_error(text):
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_yaml(text), dict)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml'.*No such file"):
        read_yaml(tmp_path / "absent.yaml")


def test_a_file_too_large_is_not_parsed(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text("a: 1\n" + "#" * MAX_BYTES)
    with pytest.raises(ConfigError, match="at most 262,144 bytes"):
        read_yaml(path)


def test_a_file_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("summary: café".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml: not UTF-8 text \(byte 12\)"):
        read_yaml(path)


def test_a_number_too_large_for_a_float_is_no_number():
    assert parse_yaml("{rate: 1e400}") == {"rate": "1e400"}
