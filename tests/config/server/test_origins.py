# SPDX-License-Identifier: MIT
"""Domains, countries and networks as they are written in logban.conf."""

from __future__ import annotations

import pytest

from logban.config.server import origins
from logban.config.settings import Reverse


def test_what_is_read() -> None:
    assert origins.domains("Example.NET., .dialin.example.org *.x.example example.net") == (
        "example.net", "dialin.example.org", "x.example",
    )  # fmt: skip
    assert origins.domains("") == ()
    assert origins.reverse("Outside") is Reverse.OUTSIDE
    assert origins.paths("/a.mmdb, /b.mmdb") == ("/a.mmdb", "/b.mmdb")
    assert origins.codes("de AS64500,DE") == ("DE", "AS64500")
    assert origins.weights("CN=2, as64500=0.5 FR=0") == (("CN", 2.0), ("AS64500", 0.5), ("FR", 0.0))


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (origins.domains, "192.0.2.1"),
        (origins.domains, "2001:db8::/32"),
        (origins.domains, "a_b/c"),
        (origins.domains, "..."),
        (origins.reverse, "both"),
        (origins.paths, "relative.mmdb"),
        (origins.codes, "DEU"),
        (origins.codes, "AS0"),
        (origins.codes, "D1"),
        (origins.weights, "CN"),
        (origins.weights, "CN=-1"),
        (origins.weights, "CN=inf"),
        (origins.weights, "China=2"),
    ],
)
def test_what_is_refused(read, written) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(written)
