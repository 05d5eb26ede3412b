# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.actions.command.line`: no value is ever more than one argument."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logban.actions.command.line import CommandLine, values_of
from logban.model import Ban, Evidence, Subject, SubjectKind
from logban.testing.clock import FakeClock

NOW = FakeClock().now()


@given(user=st.text(st.characters(), max_size=30), line=st.text(st.characters(), max_size=30))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_hostile_text_changes_the_shape_of_a_command(user: str, line: str) -> None:
    """As many arguments as written, none an option or unprintable, whatever the log holds."""
    template = CommandLine.parse("ban", "/bin/x {{ user }} '{{ subject }}' {{ lines }} end")
    subject = Subject(SubjectKind.USER_IP, "192.0.2.1", user)
    evidence = (Evidence(NOW, "r", line, "/l"),)
    ban = Ban("asterisk", subject, NOW, NOW + 600, 5, "wrong-password", evidence)
    program, *arguments = template.argv(values_of(ban, NOW))
    assert program == "/bin/x"
    assert len(arguments) == 4
    assert arguments[-1] == "end"
    for argument in arguments:
        assert argument.isprintable()
        assert not argument.startswith("-")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "there is no command"),
        ("  ", "there is no command"),
        ("/bin/x 'open", "can't be split: No closing quotation"),
        ("/bin/x {{ ip", "unexpected"),
        ("/bin/x {% if ip %} a {% endif %}", "template"),
        (
            "/bin/x {{ address }}",
            "asks for address; there are only bancount, bantime, failures, family, ip,",
        ),
        ("/bin/x <ip>", r"<ip> is fail2ban's; write \{\{ ip \}\}"),
        ("/bin/x <F-USER>", r"write \{\{ user \}\}"),
        ("/bin/x <matches>", r"write \{\{ lines \}\}"),
        ("/bin/x <bancount>", r"write \{\{ bancount \}\}"),
        ("{{ ip }} x", "the program must be named as it is"),
        ("-x {{ ip }}", "the program must be named as it is"),
        ("/bin/x {% if failures %}--hard{% endif %}", "begins with - only when it is filled in"),
        ("/bin/x {{ ip.nothing }}", "cannot be filled in"),
        ("/bin/x {{ '%c' | format(0) }}", "holds a NUL"),
        ("/bin/x \x1b", "control characters"),
    ],
)
def test_a_command_line_that_could_not_be_run_is_refused(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CommandLine.parse("ban", line)


def test_braces_may_hold_blanks_quotes_and_braces() -> None:
    line = CommandLine.parse(
        "ban",
        """/bin/x {{ user | replace("}}", "' '") }} """
        """'{"ip": {{ ip | tojson }}, "n": {"x": {{failures}}}}' """
        """{{ "a" if failures > 4 else "b" }}{% if rule == "x" %}-z{% endif %}""",
    )
    argv = line.argv({"user": "a}}b", "ip": 'q"', "failures": 5, "rule": "x"})
    assert argv == ["/bin/x", "a' 'b", '{"ip": "q\\"", "n": {"x": 5}}', "a-z"]


def test_start_and_stop_know_the_jail_alone() -> None:
    assert CommandLine.parse("start", "/bin/x {{ jail }}").argv({"jail": "a b"}) == [
        "/bin/x",
        "a b",
    ]
    with pytest.raises(ValueError, match="asks for ip; there are only jail"):
        CommandLine.parse("stop", "/bin/x {{ ip }}")
    with pytest.raises(ValueError, match=r"write \{\{ jail \}\}"):
        CommandLine.parse("start", "/bin/x <ip>")
