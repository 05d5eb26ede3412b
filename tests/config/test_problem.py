# SPDX-License-Identifier: MIT
"""Tests of how a problem is written."""

from __future__ import annotations

from logban.config.problem import Problem, Severity, did_you_mean, distinct, error
from logban.model import Origin


def test_a_problem_is_a_line_for_people_and_an_object_for_scripts() -> None:
    origin = Origin("jails.d/x.conf", 12)
    problem = Problem(Severity.ERROR, origin, "message", "hint", "x")
    assert str(problem) == "jails.d/x.conf:12: message; hint"
    assert str(error(origin, "message")) == "jails.d/x.conf:12: message"
    assert problem.to_json() == {
        "severity": "error",
        "file": "jails.d/x.conf",
        "line": 12,
        "message": "message",
        "hint": "hint",
        "jail": "x",
    }


def test_suggestions() -> None:
    assert did_you_mean("maxretri", ["maxretry", "bantime"]) == "did you mean 'maxretry'?"
    assert did_you_mean("zzz", ["maxretry", "bantime"]) == ""


def test_what_was_said_before_is_left_out() -> None:
    origin = Origin("x", 1)
    first = Problem(Severity.ERROR, origin, "m", "", "a")
    assert distinct([first, Problem(Severity.ERROR, origin, "m", "", "b")]) == (first,)
