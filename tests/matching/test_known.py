# SPDX-License-Identifier: MIT
"""What is known of expressions from an earlier run is what would be found out again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from logban.matching import known as module
from logban.matching.compiler import ExpressionError, Reading, compile_expression
from logban.matching.kept import KEPT, KeptFolder
from logban.matching.known import KnownExpressions
from logban.matching.literals import required_literals

TEXTS = [
    r"^Failed password for <F-USER>\S+</F-USER> from <HOST> port <F-PORT>\d+</F-PORT>$",
    r"(?:Rejecting|Dropping) '<HOST>' in \"quotes\"",
    r"x<HOST>",
]
NAMES = Reading(names=True)


def known_from(folder: Path) -> KnownExpressions:
    return KnownExpressions(KeptFolder(folder))


def asked(known: KnownExpressions) -> list[object]:
    """Ask all there is to ask of the expressions."""
    return [
        (
            known.groups(text),
            known.groups(text, NAMES),
            known.literals(text),
            known.literals(text, json=True),
            known.literals(text, whole=True),
        )
        for text in TEXTS
    ]


def test_what_is_known_is_what_would_be_found_out(tmp_path: Path) -> None:
    known = known_from(tmp_path)
    expected = [
        (
            tuple(compile_expression(text).groupindex),
            tuple(compile_expression(text, NAMES).groupindex),
            required_literals(text),
            required_literals(text, json=True),
            required_literals(text, whole=True),
        )
        for text in TEXTS
    ]
    assert asked(known) == expected
    known.keep()
    assert asked(known_from(tmp_path)) == expected


def test_it_is_compiled_when_it_is_searched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = known_from(tmp_path)
    first.groups(TEXTS[2])
    first.keep()
    compiled: list[str] = []

    def compiling(text: str, reading: Reading) -> object:
        compiled.append(text)
        return compile_expression(text, reading)

    monkeypatch.setattr(module, "compile_expression", compiling)
    pattern = known_from(tmp_path).pattern(TEXTS[2])
    assert "ip4" in pattern.groupindex
    assert compiled == []
    for _ in range(2):
        found = pattern.search("a x198.51.100.7", timeout=1.0)
        assert found is not None
        assert found["ip4"] == "198.51.100.7"
        assert pattern.match("a x198.51.100.7") is None
    assert compiled == [TEXTS[2]]


def test_a_broken_expression_is_broken_every_time(tmp_path: Path) -> None:
    for _ in range(2):
        known = known_from(tmp_path)
        for _ in range(2):
            with pytest.raises(ExpressionError):
                known.groups("(<HOST>")
            with pytest.raises(ExpressionError):
                known.check_date_pattern("no date")
        known.check_date_pattern("^%Y-%m-%d")
        known.groups(TEXTS[0])
        known.keep()


@pytest.mark.parametrize("key", ["by", "groups", "literals", "dates"])
@pytest.mark.parametrize("value", [None, 7, [1], {"x": 5}])
def test_what_is_not_understood_is_found_out_again(tmp_path: Path, key: str, value: object) -> None:
    known = known_from(tmp_path)
    expected = asked(known)
    known.keep()
    (file,) = tmp_path.iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    assert asked(known_from(tmp_path)) == expected


def test_what_anybody_could_have_written_is_not_believed(tmp_path: Path) -> None:
    known = known_from(tmp_path)
    known.groups(TEXTS[0])
    known.keep()
    (file,) = tmp_path.iterdir()
    lie = json.loads(file.read_text())
    lie["groups"] = {key: ["lie"] for key in lie["groups"]}
    file.write_text(json.dumps(lie))
    assert known_from(tmp_path).groups(TEXTS[0]) == ("lie",)
    file.chmod(0o666)
    assert known_from(tmp_path).groups(TEXTS[0]) != ("lie",)
    file.chmod(0o600)
    other = tmp_path / "other"
    file.rename(other)
    file.symlink_to(other)
    assert known_from(tmp_path).groups(TEXTS[0]) != ("lie",)


def test_few_files_are_kept(tmp_path: Path) -> None:
    folder = KeptFolder(tmp_path)
    for number in range(KEPT + 20):
        folder.keep(f"{number}", number)
    assert len(list(tmp_path.iterdir())) == KEPT
    assert folder.read("99") == 99
    KeptFolder(tmp_path / "99.json").keep("x", 1)  # a folder can't be made there


def test_a_fifo_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json", 0o600)
    assert KeptFolder(tmp_path).read("x") is None
