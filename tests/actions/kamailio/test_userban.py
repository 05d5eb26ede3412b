# SPDX-License-Identifier: MIT
"""Suspended users, in a real Kamailio."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.actions import catalogue
from logban.actions.kamailio.htable import Htable
from logban.actions.kamailio.userban import UserKey, UserKeys
from logban.clock import SystemClock
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind
from logban.testing.kamailio import Kamailio

CLOCK = SystemClock()
RIGHT = "secret"
USERS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)
ADDRESSES = (
    st.ip_addresses().map(str).map(lambda text: Subject.parse(text, ipv6_prefix=128).network)
)


def enforcer(kamailio: Kamailio, table: str, key: str) -> Htable:
    written = {"table": table, "key": key, "socket": str(kamailio.socket)}
    made = catalogue.build(catalogue.parse("kamailio", "kamailio-userban", written), CLOCK)
    assert isinstance(made, Htable)
    made.prepare()
    return made


def user(name: str, seconds: float | None = 600, address: str = "") -> Ban:
    kind = SubjectKind.USER_IP if address else SubjectKind.USER
    now = CLOCK.now()
    until = None if seconds is None else now + seconds
    return Ban("kamailio", Subject(kind, address, name), now, until)


def register(kamailio: Kamailio, source: str, name: str, password: str = RIGHT) -> int | None:
    return kamailio.probe(source, "REGISTER", name, password)


def test_a_user_at_an_address_is_suspended_there_alone(kamailio: Kamailio) -> None:
    made = enforcer(kamailio, "userban", "$si::$au")
    assert register(kamailio, "127.0.1.1", "alice") == 200
    made.apply([user("alice", address="127.0.1.1")])
    assert register(kamailio, "127.0.1.1", "alice") == 403  # the right password does not help
    assert register(kamailio, "127.0.1.1", "alice", "wrong") == 403  # and there is no challenge
    assert register(kamailio, "127.0.1.2", "alice") == 200
    assert register(kamailio, "127.0.1.1", "bob") == 200
    assert made.read().keys() == {user("alice", address="127.0.1.1").subject}
    made.lift([user("alice", address="127.0.1.1")])
    assert register(kamailio, "127.0.1.1", "alice") == 200
    made.close()


def test_a_user_is_suspended_everywhere(kamailio: Kamailio) -> None:
    made = enforcer(kamailio, "everywhere", "$au")
    made.apply([user("alice")])
    assert register(kamailio, "127.0.1.3", "alice") == 403
    assert register(kamailio, "127.0.1.4", "alice") == 403
    assert register(kamailio, "127.0.1.4", "bob") == 200
    made.lift([user("alice")])
    assert register(kamailio, "127.0.1.3", "alice") == 200
    made.close()


def test_an_autoexpire_shorter_than_bantime_is_found_before_any_ban(kamailio: Kamailio) -> None:
    made = enforcer(kamailio, "short", "$au")
    for bantime in (61.0, None):
        made.foresee(bantime)
        with pytest.raises(ActionError, match="autoexpire=60, which is shorter than the jail's"):
            made.prepare()
    made.foresee(60.0)
    made.prepare()
    made.close()


def test_an_autoexpire_shorter_than_the_ban_is_an_error(kamailio: Kamailio) -> None:
    made = enforcer(kamailio, "short", "$au")
    with pytest.raises(ActionError, match=r"autoexpire=60, which is shorter than 1 of the bans"):
        made.apply([user("alice", 600), user("bob", 50), user("carol", None)])
    assert {each.user for each in made.read()} == {"bob", "carol"}
    made.lift([user("bob"), user("carol")])
    made.close()


def test_a_form_takes_what_it_can_hold() -> None:
    everywhere, there = UserKeys(UserKey.USER), UserKeys(UserKey.ADDRESS_USER)
    assert everywhere.keys_of(user("6003").subject) == ("6003",)
    assert everywhere.keys_of(user("6003", address="192.0.2.1").subject) == ()
    assert there.keys_of(user("6003").subject) == ()
    assert there.keys_of(user("6003", address="192.0.2.1").subject) == ("192.0.2.1::6003",)
    turned = UserKeys(UserKey.USER_ADDRESS)
    assert turned.keys_of(user("6003", address="2001:db8::1").subject) == ("6003::2001:db8::1",)
    for name in ("a\nb", "\udc80", "", "logban:canary:1", "x" * 3000):
        assert everywhere.keys_of(user(name).subject) == ()
    assert everywhere.subject_of("logban:canary:77") is None
    assert there.subject_of("logban:canary:77") is None
    assert there.subject_of("::") is None


@given(USERS, ADDRESSES, st.sampled_from([UserKey.ADDRESS_USER, UserKey.USER_ADDRESS]))
def test_a_key_tells_whose_it_is(name: str, address: str, form: UserKey) -> None:
    subject = Subject(SubjectKind.USER_IP, address, name)
    keys = UserKeys(form)
    for key in keys.keys_of(subject):
        found = keys.subject_of(key)
        assert found is not None
        assert keys.keys_of(found) == (key,)
        if ":" not in name and ":" not in address:
            assert found == subject


def test_what_a_jail_can_not_ask_for() -> None:
    with pytest.raises(ValueError, match=r"none of \$au, \$si::\$au, \$au::\$si"):
        catalogue.parse("k", "kamailio-userban", {"key": "$fU"})
