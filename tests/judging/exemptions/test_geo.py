# SPDX-License-Identifier: MIT
"""Countries and networks, out of databases that the tests write themselves."""

from __future__ import annotations

import asyncio
from math import inf
from pathlib import Path

import pytest

from logban.judging.exemptions import geo as module
from logban.judging.exemptions.geo import Geo
from logban.model import Subject, SubjectKind
from logban.testing.mmdb import database


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    countries, systems = tmp_path / "country.mmdb", tmp_path / "asn.mmdb"
    countries.write_bytes(
        database(
            {
                "198.51.100.0/24": {"country": {"iso_code": "DE"}},
                "203.0.113.0/25": {"country": "cn"},
                "203.0.113.128/25": {"country_code": "KP"},
                "2001:db8::/32": {"country": {"iso_code": "FR"}},
                "192.0.2.0/24": {"registered": "nobody"},
            }
        )
    )
    systems.write_bytes(
        database(
            {
                "203.0.112.0/23": {"autonomous_system_number": 64500},
                "198.51.100.0/25": {"asn": "AS4200000000"},
            },
            "Test-ASN",
        )
    )
    return [str(countries), str(systems)]


def opened(paths: list[str], **meaning: list[str] | dict[str, float]) -> Geo:
    made = Geo(paths, **meaning)  # type: ignore[arg-type]  # each test's own few
    assert asyncio.run(made.refresh()) is not None
    assert not made.problem
    return made


def test_the_codes_of_an_address(paths: list[str]) -> None:
    geo = opened(paths)
    assert geo.codes("198.51.100.7") == {"DE", "AS4200000000"}
    assert geo.codes("198.51.100.200") == {"DE"}
    assert geo.codes("203.0.113.7") == {"CN", "AS64500"}
    assert geo.codes("203.0.113.200") == {"KP", "AS64500"}
    assert geo.codes("203.0.112.1") == {"AS64500"}
    assert geo.codes("2001:db8:7::/64") == {"FR"}
    assert geo.codes("192.0.2.1") == geo.codes("10.0.0.1") == geo.codes("::1") == frozenset()


def test_who_is_exempt(paths: list[str]) -> None:
    geo = opened(paths, allow=["DE", "AS64500"])
    found = geo.check(Subject.parse("198.51.100.7"))
    assert found is not None
    assert (found.entry, found.origin) == ("DE", "geo_allow")
    assert geo.check(Subject.parse("203.0.113.7")) is not None
    assert geo.check(Subject.parse("2001:db8:7::1")) is None
    assert geo.check(Subject(SubjectKind.USER, "", "6003")) is None
    assert opened(paths).check(Subject.parse("198.51.100.7")) is None


def test_how_much_a_failure_weighs(paths: list[str]) -> None:
    geo = opened(paths, deny=["KP"], weights={"CN": 2.0, "AS64500": 1.5, "DE": 0.5})
    assert geo.weight("203.0.113.7") == 3.0
    assert geo.weight("198.51.100.200") == 0.5
    assert geo.weight("203.0.113.200") == inf
    assert geo.weight("10.0.0.1") == 1.0


def test_a_database_that_changes_is_read_again(paths: list[str], tmp_path: Path) -> None:
    geo = opened(paths, allow=["US"])
    assert geo.codes("198.51.100.7") == {"DE", "AS4200000000"}
    assert geo.read() is None
    new = tmp_path / "new"
    new.write_bytes(database({"198.51.100.0/24": {"country": {"iso_code": "US"}}}))
    new.replace(paths[0])
    assert geo.read() is not None
    assert geo.codes("198.51.100.7") == {"US", "AS4200000000"}
    assert geo.check(Subject.parse("198.51.100.7")) is not None


def test_one_that_everybody_can_write_to_is_not_read(paths: list[str]) -> None:
    Path(paths[0]).chmod(0o646)
    geo = Geo(paths)
    geo.read()
    assert geo.problem == (
        f"geo_database: {paths[0]} can't be read: everybody can write to it, and so exempt "
        "himself; do: chmod o-w"
    )
    assert geo.codes("198.51.100.7") == {"AS4200000000"}


def test_a_record_of_another_form_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "odd.mmdb"
    path.write_bytes(database({"198.51.100.0/24": {"country_code": {"iso_code": "DE"}}}))
    assert opened([str(path)]).codes("198.51.100.7") == set()


def test_one_that_cannot_be_read_leaves_what_was_read(paths: list[str], tmp_path: Path) -> None:
    geo = opened(paths)
    Path(paths[0]).write_bytes(b"no database")
    assert geo.read() is None
    assert geo.problem.startswith(f"geo_database: {paths[0]} can't be read: ")
    assert geo.codes("198.51.100.7") == {"DE", "AS4200000000"}
    none = Geo([str(tmp_path / "none.mmdb")], allow=["DE"])
    assert none.read() is None
    assert none.problem.endswith("none.mmdb can't be read: No such file or directory")
    assert none.check(Subject.parse("198.51.100.7")) is None


def test_what_is_remembered_has_its_bounds(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 10)
    geo = opened(paths)
    for number in range(100):
        assert geo.codes(f"198.51.100.{number}") == {"DE", "AS4200000000"}
    assert len(geo._codes) <= 10
