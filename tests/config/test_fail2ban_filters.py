# SPDX-License-Identifier: MIT
"""fail2ban and logban read each of fail2ban's own filters alike.

Debian's package fail2ban has to be installed; its reader runs in the system's Python.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from logban.config import load_filter
from logban.config.files.interpolation import InterpolationError
from logban.config.files.parameters import Selection
from logban.config.filters.library import FilterLibrary
from logban.config.filters.text import FilterText
from logban.model import Origin

FILTERS = Path("/etc/fail2ban/filter.d")
KEYS = ("failregex", "ignoreregex", "prefregex", "datepattern", "maxlines")
PARAMETERS = (
    {},
    *({"mode": mode} for mode in ("normal", "aggressive", "ddos", "extra", "more", "auth", "rbl")),
    *({"logtype": logtype} for logtype in ("file", "short", "journal", "rfc5424")),
    *({"publickey": word} for word in ("any", "invalid", "ignore")),
    {"logging": "webapp"},
    {"_daemon": "own"},
    {"failregex": "^<HOST> <_daemon>$", "maxlines": "3"},
)
# These are made to be included: they have no [Definition], for which fail2ban gives nothing.
NO_FILTERS = ("common", "apache-common")

Reading = dict[str, list[str]] | None


def own_reading(name: str, parameters: dict[str, str]) -> Reading:
    """Read a filter with logban."""
    source = FilterLibrary(Path("/nowhere")).find(str(FILTERS / f"{name}.conf"), Path())
    assert source is not None
    text = FilterText.of(source.tree, name, Selection(name, Origin("test", 1), parameters))
    try:
        found = {key: text.final(key) for key in KEYS}
    except InterpolationError:
        return None
    return {
        key: [line.text for line in lines if line.text]
        for key, lines in found.items()
        if lines is not None
    }


def test_every_filter_of_fail2ban_is_read_as_fail2ban_reads_it() -> None:
    names = sorted(path.stem for path in FILTERS.glob("*.conf"))
    assert len(names) > 80
    wanted = [(name, parameters) for name in names for parameters in PARAMETERS]
    program = Path(__file__).with_name("fail2ban_reading.py")
    answer = subprocess.run(
        ["/usr/bin/python3", program],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs: list[Reading] = json.loads(answer.stdout)
    different = [
        (name, parameters)
        for (name, parameters), reading in zip(wanted, theirs, strict=True)
        if name not in NO_FILTERS and own_reading(name, parameters) != reading
    ]
    assert different == []


def test_the_asterisk_filter_loads_whole() -> None:
    reading = load_filter(str(FILTERS / "asterisk.conf"), Path("/nowhere"))
    assert reading.definition is not None
    assert [rule.name for rule in reading.definition.rules] == [
        f"failregex-{number}" for number in range(1, 9)
    ]
    assert {rule.expression.origin.path for rule in reading.definition.rules} == {
        "/etc/fail2ban/filter.d/asterisk.conf"
    }
    assert reading.definition.prefix is not None
    assert "<F-CONTENT>" in reading.definition.prefix.text
    assert "%(" not in reading.definition.prefix.text
    assert "<_daemon>" not in reading.definition.prefix.text
    assert [pattern.text for pattern in reading.definition.date_patterns] == ["{^LN-BEG}"]


def test_a_filter_that_follows_connections_is_read_whole() -> None:
    reading = load_filter(str(FILTERS / "sshd.conf[mode=aggressive]"), Path("/nowhere"))
    assert reading.definition is not None
    assert len(reading.definition.rules) > 30
    assert reading.definition.reading.lines == 1


@pytest.mark.parametrize(("name", "lines"), [("mongodb-auth", 10), ("slapd", 20), ("guacamole", 2)])
def test_a_filter_over_several_lines_says_how_many(name: str, lines: int) -> None:
    reading = load_filter(str(FILTERS / f"{name}.conf"), Path("/nowhere"))
    assert reading.definition is not None
    assert reading.definition.reading.lines == lines


def test_names_are_taken_for_hosts_only_where_a_filter_is_told_so() -> None:
    for use_dns, names in (("no", False), ("raw", False), ("warn", True), ("yes", True)):
        reading = load_filter(f"{FILTERS}/vsftpd.conf[usedns={use_dns}]", Path("/nowhere"))
        assert reading.definition is not None
        assert reading.definition.reading.names is names
