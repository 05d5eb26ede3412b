# SPDX-License-Identifier: MIT
"""Nouns are compared and hashed as frozen dataclasses are, without their cost."""

from __future__ import annotations

from dataclasses import field

from logban import nouns


@nouns.dataclass(frozen=True, slots=True)
class Noun:
    """One of two fields, of which the second makes no difference."""

    name: str
    note: str = field(default="", compare=False)


def test_equal_ones_are_one_in_a_set() -> None:
    assert {Noun("a"), Noun("a", "another note"), Noun("b")} == {Noun("a"), Noun("b")}
    assert not hasattr(Noun("a"), "__dict__")
