# SPDX-License-Identifier: MIT
"""The pieces of script that docs/kamailio.md gives away for banning, as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.actions.kamailio.rpc import Method, call
from logban.testing.kamailio import Kamailio, pieces_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "kamailio.md"
STOCK = Path("/etc/kamailio/kamailio.cfg")
PIECES = pieces_of(DOCUMENT.read_text("utf-8"))
PAIRS = ["htable", "userban", "address", "secfilter"]


def with_piece(name: str) -> str:
    """Put a piece into Debian's own script, where the documentation says."""
    script = STOCK.read_text("utf-8")
    parts = [PIECES[f"{name}-settings"]]
    if name == "userban":
        parts.insert(0, 'loadmodule "htable.so"\n')
    settings = script.index("####### Routing Logic ########")
    script = script[:settings] + "".join(parts) + script[settings:]
    place = "route[AUTH] {\n" if name == "userban" else "request_route {\n"
    assert place in script
    more = PIECES["htable-networks"] if name == "htable" else ""
    script = script.replace(place, place + PIECES[name] + more, 1)
    assert 'loadmodule "jsonrpcs.so"' in script
    text = script.replace("/etc/kamailio/secfilter", "DIRECTORY/db")
    text = text.replace('"text://DIRECTORY/db"', "DATABASE")
    return text.replace("/etc/kamailio/logban.list", "DIRECTORY/logban.list")


def test_every_way_to_ban_has_its_pieces() -> None:
    assert set(PIECES) == {*PAIRS, *(f"{name}-settings" for name in PAIRS), "htable-networks"}


@pytest.mark.parametrize("name", PAIRS)
def test_debians_script_takes_a_piece_and_runs(name: str) -> None:
    proxy = Kamailio.of(with_piece(name), "-A", "log_stderror=yes")
    (proxy.directory / "logban.list").write_text("")
    try:
        assert proxy.check() == ""
        proxy.start()
        if name == "htable":
            rpc = proxy.rpc()
            call(rpc, Method.HTABLE_SETXI, "logban", "127.0.7.1", 1, 60)
            rpc.close()
            assert proxy.probe("127.0.7.1") is None
            assert proxy.probe("127.0.7.2") == 200
    finally:
        proxy.remove()


def test_a_broken_piece_would_be_noticed() -> None:
    script = with_piece("htable").replace("tcp_close_connection()", "tcp_close_connexion()")
    proxy = Kamailio.of(script)
    try:
        assert "tcp_close_connexion" in proxy.check()
    finally:
        proxy.remove()
