# SPDX-License-Identifier: MIT
"""The ``kamailio-userban`` action: users, or users at an address, suspended by an htable."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from logban.actions.declaration import ActionSpec
from logban.actions.kamailio.htable import Htable, TableSettings
from logban.actions.kamailio.rpc import LONGEST_TEXT
from logban.actions.kamailio.transports import RpcAddress
from logban.clock import Clock
from logban.model import Subject, SubjectKind

_KEPT: Final = "logban:"  # how canaries begin


class UserKey(StrEnum):
    """How kamailio.cfg writes the key that it looks for, in its own words."""

    USER = "$au"
    ADDRESS_USER = "$si::$au"
    USER_ADDRESS = "$au::$si"


class UserKeys:
    """Users as ``$au`` has them: the name of the credentials, without a domain."""

    def __init__(self, form: UserKey) -> None:
        self._form = form

    def keys_of(self, subject: Subject) -> tuple[str, ...]:
        """Give the key; a user everywhere and a user at an address are not each other's."""
        user = subject.user
        if not user or len(user) > LONGEST_TEXT // 2 or not user.isprintable():
            return ()
        if user.startswith(_KEPT):
            return ()
        if self._form is UserKey.USER:
            return (user,) if subject.kind is SubjectKind.USER else ()
        if subject.kind is not SubjectKind.USER_IP:
            return ()
        parts = (subject.network, user)
        return ("::".join(parts if self._form is UserKey.ADDRESS_USER else reversed(parts)),)

    def subject_of(self, key: str) -> Subject | None:
        """Give the subject of a key."""
        if self._form is UserKey.USER:
            return None if key.startswith(_KEPT) else Subject(SubjectKind.USER, user=key)
        # An IPv6 address has :: in it itself, and a user's name may have.
        for at in (index for index in range(len(key)) if key.startswith("::", index)):
            before, after = key[:at], key[at + 2 :]
            address, user = (before, after)
            if self._form is UserKey.USER_ADDRESS:
                address, user = after, before
            try:
                subject = Subject.from_json({"kind": "user-ip", "ip": address, "user": user})
            except ValueError:
                continue
            if self.keys_of(subject) == (key,):
                return subject
        return None


def build(spec: ActionSpec, clock: Clock) -> Htable:
    """Make the enforcer that a jail asks for."""
    settings = TableSettings(
        spec.jail,
        spec.value("table", str),
        spec.value("socket", RpcAddress),
        spec.value("timeout", float),
        spec.optional("reply", Path),
        must_outlast=True,
    )
    return Htable(settings, UserKeys(spec.value("key", UserKey)), clock)
