# SPDX-License-Identifier: MIT
"""The filter for Asterisk on real logs of real attacks, hostile text among them."""

from __future__ import annotations

import pytest

def test_nobody_is_accused_wrongly(asterisk_outcome) -> None:
    assert asterisk_outcome.wrong == []

def test_every_attempt_is_caught(asterisk_outcome) -> None:
    assert asterisk_outcome.missed_attempts == {}
