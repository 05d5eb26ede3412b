# SPDX-License-Identifier: MIT
"""Who is at the other end."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct

import pytest

from logban.control.peer import Peer, group_number


class OldKernel:
    """A kernel before 4.13, to which user 1000 or another one has connected."""

    def __init__(self, uid, gid):
        self._credentials = struct.pack("iII", 77, uid, gid)

    def getsockopt(self, _, option, __):
        if option == socket.SO_PEERCRED:
            return self._credentials
        raise OSError(92, "Protocol not available")


def test_the_kernel_tells_who_connected():
    near, far = socket.socketpair()
    with near, far:
        peer = Peer.of(near)
    assert (peer.pid, peer.uid) == (os.getpid(), os.geteuid())
    assert peer.groups == {os.getegid(), *os.getgroups()}


def test_an_old_kernel_leaves_it_to_the_user_database():
    user = next(entry for entry in pwd.getpwall() if entry.pw_uid)
    peer = Peer.of(OldKernel(user.pw_uid, user.pw_gid))
    assert peer == Peer(77, user.pw_uid, frozenset(os.getgrouplist(user.pw_name, user.pw_gid)))


def test_a_user_without_a_name_has_the_group_of_its_process():
    assert Peer.of(OldKernel(3_999_999_999, 55)).groups == {55}


@pytest.mark.parametrize(
    ("uid", "groups", "group", "answer"),
    [
        (0, {0}, None, True),
        (os.geteuid(), {5}, None, True),
        (1000, {1000}, None, False),
        (1000, {1000}, 50, False),
        (1000, {1000, 50}, 50, True),
        (1000, {0}, None, False),
    ],
)
def test_root_the_daemon_s_user_and_the_group_may_command(uid, groups, group, answer):
    assert Peer(1, uid, frozenset(groups)).may_command(group) is answer


def test_the_daemon_s_own_user_need_not_be_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 999)
    assert Peer(1, 999, frozenset()).may_command(None)
    assert not Peer(1, 998, frozenset()).may_command(None)


def test_a_group_has_a_number_or_is_not_there():
    first = grp.getgrall()[0]
    assert group_number(first.gr_name) == first.gr_gid
    assert group_number("no-such-group") is None
