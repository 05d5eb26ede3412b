# SPDX-License-Identifier: MIT
"""Payloads to JSON and back."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.control import payloads
from logban.control.shape import ShapeError, plain, read, shallow
from logban.model import Ban, BanOrigin, Evidence, Subject, SubjectKind

ADDRESS = Subject(SubjectKind.IP, "198.51.100.7")
VIEW = payloads.BanView(
    "asterisk",
    ADDRESS,
    100.25,
    None,
    None,
    5,
    "wrong-password",
    BanOrigin.HAND,
    "why \udcff\x1b",
    True,
    ("nftables", "kamailio-htable"),
)
SAMPLES = [
    payloads.Pong("0.1.0", 812, 10.0, 20.0),
    payloads.Status(
        "0.1.0",
        812,
        10.0,
        20.0,
        (
            payloads.JailStatus(
                "asterisk",
                payloads.JailState.FAILED,
                "jails.d/asterisk.conf:3: no such filter",
                files=("/var/log/a", "/var/log/b"),
                clock=payloads.LogClock(-3600.0, "write logtimezone = Europe/Berlin"),
                actions=(
                    payloads.ActionStatus(
                        "nftables",
                        payloads.ActionKind.ENFORCER,
                        payloads.ActionState.RETRYING,
                        "no such table",
                        15.0,
                        3,
                        None,
                        2,
                    ),
                ),
                settings=payloads.JailSettings(5, 600.0, None),
            ),
        ),
        (payloads.SourceStatus("/var/log/a", "live", progress=0.5),),
        ("a warning",),
        payloads.LedgerStatus("/var/lib/x", 1, 2, dirty=True),
    ),
    payloads.Banned(20.0, (VIEW,), (Subject(SubjectKind.NET, "2001:db8::/64"),)),
    payloads.Placed(20.0, (), (payloads.RefusedBan(ADDRESS, "exempt"),)),
    payloads.Why(
        20.0,
        Subject(SubjectKind.USER_IP, "198.51.100.7", "6003"),
        (payloads.ExplainedBan(VIEW, (Evidence(1.5, "rule", "line", "/var/log/a"),)),),
        (payloads.Counting("asterisk", 5, 600.0, ()),),
        payloads.Exemption("198.51.100.0/24", "jails.d/asterisk.conf:7"),
        (payloads.PastBan("asterisk", Subject(SubjectKind.USER, user="6003"), 1.0, 2.0),),
        1.0,
        ("a sentence",),
    ),
]


@pytest.mark.parametrize("payload", SAMPLES, ids=lambda payload: type(payload).__name__)
def test_a_payload_comes_back_as_it_was(payload):
    assert read(type(payload), json.loads(json.dumps(payload, default=plain))) == payload


def test_a_newer_daemon_may_say_more_and_an_older_one_less():
    value = {"path": "/var/log/a", "state": "live", "colour": "green"}
    assert read(payloads.SourceStatus, value) == payloads.SourceStatus("/var/log/a", "live")


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        (("now",), "soon", "now: must be a number, not 'soon'"),
        (("now",), True, "now: must be a number, not True"),
        (("now",), 10**400, "now: is too large a number"),
        (("now",), float("inf"), "now: is too large a number"),
        (("pid",), True, "pid: must be a whole number, not True"),
        (("pid",), 1.0, "pid: must be a whole number, not 1.0"),
        (("version",), None, "version: must be a text, not None"),
        (("jails",), {}, r"jails: must be a list, not \{\}"),
        (("jails", 0), 1, r"jails\[0\]: must be an object, not 1"),
        (("jails", 0, "state"), "ill", r"jails\[0\].state: must be one of running, waiting, "),
        (("jails", 0, "state"), [], r"jails\[0\].state: must be one of running"),
        (("jails", 0, "clock", "hint"), 7, r"jails\[0\].clock.hint: must be a text, not 7"),
        (("ledger", "dirty"), 1, "ledger.dirty: must be true or false, not 1"),
        (("ledger",), {}, "ledger.path: is missing"),
    ],
)
def test_what_has_another_shape_is_told_where(where, value, problem):
    status = json.loads(json.dumps(SAMPLES[1], default=plain))
    inner = status
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    with pytest.raises(ShapeError, match=f"^{problem}"):
        read(payloads.Status, status)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "198.51.100.7",
        {"kind": "ip"},
        {"kind": "ip", "ip": 7},
        {"kind": "ip", "ip": "x"},
        {"kind": "planet"},
    ],
)
def test_what_is_no_subject_is_told(value):
    with pytest.raises(ShapeError, match="subject"):
        read(Subject, value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["now", "bans", "subject", "kind", "ip", "jail", "time", "until"]),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_no_value_whatever_does_harm(value):
    with suppress(ShapeError):
        assert isinstance(read(payloads.Banned, value), payloads.Banned)


def test_only_payloads_have_a_form_in_json():
    with pytest.raises(TypeError, match="set has no form in JSON"):
        plain({1})
    with pytest.raises(TypeError, match="type has no form"):
        plain(payloads.Pong)
    with pytest.raises(TypeError, match="dict is no dataclass"):
        shallow({})


def test_a_class_that_json_cannot_hold_is_a_fault_of_ours():
    @dataclass(frozen=True)
    class Odd:
        part: complex

    Odd.__annotations__["part"] = complex
    with pytest.raises(TypeError, match="has no form in JSON"):
        read(Odd, {"part": 1})


def test_a_ban_of_the_ledger_is_viewed():
    ban = Ban("asterisk", ADDRESS, 100.0, 700.0, 5, "rule", (), BanOrigin.HAND, "reason")
    view = payloads.BanView.of(ban, 300.0, in_force=False, actions=("nftables",))
    assert view == payloads.BanView(
        "asterisk",
        ADDRESS,
        100.0,
        700.0,
        400.0,
        5,
        "rule",
        BanOrigin.HAND,
        "reason",
        False,
        ("nftables",),
    )
