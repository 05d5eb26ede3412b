# SPDX-License-Identifier: MIT
"""What a jail can ask of the actions at Kamailio, and what it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.declaration import ParameterError


@pytest.mark.parametrize(
    ("action", "written", "said"),
    [
        ("kamailio-htable", {"table": "a b"}, "is no name of an htable"),
        ("kamailio-htable", {"table": ""}, "is no name of an htable"),
        ("kamailio-htable", {"socket": "kamailio.sock"}, "is no RPC socket; write an absolute"),
        ("kamailio-htable", {"timeout": "0"}, "at most a minute"),
        ("kamailio-htable", {"timeout": "2m"}, "at most a minute"),
        ("kamailio-htable", {"reply": "x"}, "is no absolute path"),
        ("kamailio-htable", {"tabel": "x"}, "has no parameter 'tabel'"),
        ("kamailio-userban", {"key": "$fU"}, "is none of"),
        ("kamailio-address", {"file": "logban.list"}, "is no absolute path"),
        ("kamailio-address", {"group": "0"}, "is no group"),
        ("kamailio-secfilter", {"type": "x"}, "is none of ip, user"),
        ("kamailio-lists", {}, "name the directory of the lists: lists=/etc/logban/lists.d"),
        ("kamailio-lists", {"lists": "x"}, "is no absolute path"),
    ],
)
def test_what_is_refused(action: str, written: dict[str, str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        catalogue.parse("kamailio", action, written)


def test_over_http_there_is_no_way_back_to_choose() -> None:
    written = {"socket": "http://127.0.0.1:5060/RPC", "reply": "/run/logban/reply"}
    with pytest.raises(ParameterError, match="over HTTP answers come by themselves"):
        catalogue.parse("kamailio", "kamailio-htable", written)


def test_what_holds_without_a_word() -> None:
    htable = catalogue.parse("kamailio", "kamailio-htable", {})
    assert htable.parameters["table"] == "logban"
    assert str(htable.parameters["socket"]) == "/run/kamailio/kamailio_rpc.sock"
    userban = catalogue.parse("kamailio", "kamailio-userban", {})
    assert userban.parameters["key"] == "$si::$au"
    address = catalogue.parse("kamailio", "kamailio-address", {})
    assert address.parameters["file"] == Path("/etc/kamailio/logban.list")


def test_actions_with_one_target_take_each_others_bans_over() -> None:
    plain = catalogue.parse("k", "kamailio-htable", {})
    patient = catalogue.parse("k", "kamailio-htable", {"timeout": "5s"})
    other = catalogue.parse("k", "kamailio-htable", {"table": "ipban"})
    assert catalogue.target_of(plain) == catalogue.target_of(patient)
    assert catalogue.target_of(plain) != catalogue.target_of(other)
    assert catalogue.target_of(catalogue.parse("k", "email", {})) is None
    assert catalogue.target_of(catalogue.parse("k", "nftables", {})) is not None
