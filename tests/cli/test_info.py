"""`kerazoo info`: the card as a person reads it."""

import json

import kerazoo


def test_a_card_has_what_a_user_asks(run):
    code, out, _ = run("info", "fsdd_keyword")
    assert code == 0
    words = " ".join(out.split())
    for text in (
        "input (8000,): spoken digits",
        "output (10,) float32: logits, one for each class",
        "labels 0, 1, 2",
        "licence of the data CC BY-SA 4.0",
        "all of the 300 test samples",
        "speakers it never heard",
        "kerazoo train fsdd_keyword",
        "minutes of training 14.4",
        "docs/images/zoo/fsdd_keyword.png",
    ):
        assert text in words


def test_files_are_a_table_below_a_head(run):
    _, out, _ = run("info", "fsdd_keyword")
    lines = out.splitlines()
    head = next(line for line in lines if line.startswith("file "))
    row = lines[lines.index(head) + 1]
    assert row.split() == ["float32", "331", "207", "100.00", "%", "0.007827"]
    assert row.index("331") == head.index("kilobytes")


def test_numbers_for_programs_are_not_rounded(run):
    _, out, _ = run("info", "bccd_detector", "--json")
    card = json.loads(out)
    assert card == kerazoo.info("bccd_detector").to_dict()
    assert card["metrics"]["map_50"] == 0.895088
    assert card["files"]["int8"]["size_bytes"] == 1608480
