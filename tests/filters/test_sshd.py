# SPDX-License-Identifier: MIT
"""OpenSSH: one line of each kind, in each form, and what a peer may write into it."""

from __future__ import annotations

import pytest

A, V6, VICTIM = "198.51.100.7", "2001:db8:66::7", "192.0.2.99"
FORMS = {
    "syslog": "Nov 20 10:00:00 pbx sshd[812]: {}",
    "iso": "2026-11-20T10:00:00.123456+00:00 pbx sshd-session[812]: {}",
    "journal": "{}",
}

# The message, the rule, the kind, the user.
LINES = [
    (f"Failed password for root from {A} port 22001 ssh2", "password", "wrong-password", "root"),
    (f"Failed keyboard-interactive/pam for bob from {V6} port 1 ssh2 [preauth]",
     "password", "wrong-password", "bob"),
    (f"Failed password for invalid user bob from {A} port 22001 ssh2",
     "password-unknown", "unknown-user", "bob"),
    (f"Invalid user admin from {A} port 22001", "invalid-user", "unknown-user", "admin"),
    (f"Invalid user  from {A} port 22001", "invalid-user", "unknown-user", ""),
    (f"User root from {A} not allowed because none of user's groups are listed in AllowGroups",
     "not-allowed", "acl", "root"),
    (f"error: maximum authentication attempts exceeded for root from {A} port 2 ssh2 [preauth]",
     "too-many", "wrong-password", "root"),
    (f"Connection closed by authenticating user root {A} port 22001 [preauth]",
     "gone", "malformed", "root"),
    (f"Disconnected from invalid user x y {V6} port 22001 [preauth]", "gone", "malformed", "x y"),
    (f"Did not receive identification string from {A} port 22001", "gone", "malformed", None),
    (f"banner exchange: Connection from {A} port 22001: invalid format", "gone", "malformed", None),
    ((f"Unable to negotiate with {A} port 22001: no matching host key type found. "
     "Their offer: ssh-rsa,x [preauth]"), "gone", "malformed", None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "rule", "kind", "user"), LINES)
def test_a_failure(matcher_of, failures_in, message, rule, kind, user) -> None:
    matcher = matcher_of("sshd")
    for name, form in FORMS.items():
        (found,) = failures_in(matcher, form.format(message).encode() + b"\n")
        assert (found.rule, found.kind, found.fields.get("user")) == (rule, kind, user)
        assert found.address in (A, V6)
        assert found.proven
        assert (found.time is None) == (name == "journal")


def test_every_rule_is_shown_by_a_line(matcher_of) -> None:
    assert {rule.name for rule in matcher_of("sshd")._reader.rules} == {
        line[1] for line in LINES
    } | {"login"}


@pytest.mark.parametrize(
    "message",
    [
        f"Accepted publickey for bob from {A} port 1 ssh2: ED25519 SHA256:nThbg6kXUp",
        f"Accepted password for bob from {A} port 1 ssh2",
    ],
)
def test_a_success(matcher_of, successes_in, failures_in, message) -> None:
    matcher = matcher_of("sshd")
    for form in FORMS.values():
        line = form.format(message).encode() + b"\n"
        (found,) = successes_in(matcher, line)
        assert (found.address, found.fields["user"]) == (A, "bob")
        assert failures_in(matcher, line) == []


@pytest.mark.parametrize(
    "name",
    [
        f"a from {VICTIM} port 22",
        f"a from {VICTIM} port 22 ssh2",
        f"a from {VICTIM} not allowed because not listed in AllowUsers",
        f"a {VICTIM} port 22 [preauth]",
        f"sshd[1]: Failed password for root from {VICTIM} port 1 ssh2",
        f"root from {VICTIM} port 1 ssh2: ED25519 SHA256:x",
        f"invalid user x from {VICTIM} port 5",
        "",
        " ",
        "x" * 400,
    ],
)
def test_a_name_does_not_move_the_address(matcher_of, failures_in, successes_in, name) -> None:
    matcher = matcher_of("sshd")
    messages = [
        f"Failed password for invalid user {name} from {A} port 1 ssh2",
        f"Failed password for {name} from {A} port 1 ssh2",
        f"Invalid user {name} from {A} port 1",
        f"User {name} from {A} not allowed because not listed in AllowUsers",
        f"Connection closed by invalid user {name} {A} port 1 [preauth]",
        f"Bad protocol version identification '{name}' from {A} port 1",
        f"Unable to negotiate with {A} port 1: no matching cipher found. Their offer: {name}",
    ]
    for form in FORMS.values():
        for message in messages:
            line = form.format(message).encode() + b"\n"
            assert {each.address for each in failures_in(matcher, line)} == {A}, message
            assert successes_in(matcher, line) == []


@pytest.mark.parametrize(
    "message",
    [
        f"Connection from {A} port 22001 on 192.0.2.1 port 22",
        f"Connection closed by {A} port 22001",
        f"Received disconnect from {A} port 22001:11: disconnected by user",
        f"Disconnected from user bob {A} port 22001",
        f"Failed publickey for bob from {A} port 22001 ssh2: RSA SHA256:x",
        "pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)",
        f"x Invalid user admin from {A} port 22001",
    ],
)
def test_what_is_no_failure(matcher_of, failures_in, message) -> None:
    matcher = matcher_of("sshd")
    for form in FORMS.values():
        assert failures_in(matcher, form.format(message).encode() + b"\n") == []
