# SPDX-License-Identifier: MIT
"""Lines that no rule knows are shown, and what they hold can't reach the terminal raw."""

from __future__ import annotations

import json

from logban.control import payloads


def test_a_person_sees_samples(run, daemon) -> None:
    result = run("unmatched", "asterisk")
    assert result.exit_code == 0
    assert daemon.asked == [("unmatched", "asterisk")]
    lines = result.stdout.splitlines()
    assert lines[0] == "asterisk: 3 lines without a rule"
    assert lines[2] == "    login failed for 198.51.100.9\\x1b[2J"
    assert lines[3] == "to try the filter: logban-client filter test asterisk FILE"


def test_a_script_sees_all_of_it(run, daemon) -> None:
    answer = json.loads(run("unmatched", "--json").stdout)
    assert answer["jails"][0]["samples"][0]["count"] == 3


def test_nothing_is_said_as_such(run, daemon, monkeypatch) -> None:
    async def nothing(jail: str | None) -> payloads.UnmatchedLines:
        return payloads.UnmatchedLines(100.0, (payloads.UnmatchedOfJail("a", "a", 0, ()),))

    monkeypatch.setattr(daemon, "unmatched", nothing)
    result = run("unmatched")
    assert result.exit_code == 1
    assert "every line" in result.stdout
