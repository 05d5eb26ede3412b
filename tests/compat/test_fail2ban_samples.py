# SPDX-License-Identifier: MIT
"""Every filter of fail2ban finds in fail2ban's own annotated samples what fail2ban says is there.

Debian's package fail2ban has to be installed.  Its samples are logs with comments between the
lines: ``# failJSON: {...}`` says what the next line is, ``# filterOptions:`` with which parameters
the filter is tried from there on, ``# addFILE:`` where more samples are.  Run as a program, this
prints a table: ``python tests/compat/test_fail2ban_samples.py [DIRECTORY OF fail2ban/tests]``.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from logban.addresses import canonical_address
from logban.config import load_filter
from logban.matching.matcher import Matcher
from logban.matching.named import NamedFailure
from logban.model import Block, Failure, Position

PACKAGE = Path("/usr/lib/python3/dist-packages/fail2ban/tests")
FILTERS = Path("/etc/fail2ban/filter.d")
# The samples' year and zone: fail2ban's own tests run at noon of this day in this zone.
NOW = 1124013600.0
ZONE = "CET-01CEST-02,M3.5.0,M10.5.0"
LIMIT = 1.0
"""Seconds that one expression may take for one line."""

_COMMENT = re.compile(r"#+ ?(failJSON|fileOptions|filterOptions|addFILE):(.+)")
# What an annotation says of a line beside its captures.
_NO_CAPTURES = frozenset({"time", "match", "desc", "constraint"})

Options = dict[str, str]
Annotation = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sample:
    """A line, the options to try it with, and what is to be found in it."""

    place: str
    raw: bytes
    options: Options
    expected: Annotation


@dataclass(slots=True)
class Report:
    """What came of one filter: the cases that were tried, and a sentence for each that is wrong."""

    cases: int = 0
    wrong: list[str] = field(default_factory=list)


def holds(condition: str, name: str, options: Options) -> bool:
    """Evaluate a condition of the samples, such as ``opts.get('mode') == 'aggressive'``."""
    if not condition:
        return True
    tree = ast.parse(condition, mode="eval").body
    match tree:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as how], comparators=[right]):
            wanted = ast.literal_eval(right)
        case _:
            raise ValueError(f"a condition that is not known: {condition}")
    match left:
        case ast.Name(id="name"):
            found: str | None = name
        case ast.Call(func=ast.Attribute(value=ast.Name(id="opts"), attr="get"), args=[key]):
            found = options.get(ast.literal_eval(key))
        case _:
            raise ValueError(f"a condition that is not known: {condition}")
    return bool((found == wanted) == isinstance(how, ast.Eq))


def samples(logs: Path, name: str) -> Iterator[Sample]:
    """Give the samples of a filter in their order, each once for every set of options."""
    files, tried = [name], [Options()]
    for file in files:
        common = Options()
        expected: Annotation | None = None
        for number, raw in enumerate((logs / file).read_bytes().split(b"\n"), 1):
            line = raw.removesuffix(b"\r")
            comment = _COMMENT.fullmatch(line.decode(errors="replace"))
            if comment is not None and expected is None:
                what, said = comment[1], json.loads(comment[2])
                if what == "failJSON":
                    expected = said
                elif what == "addFILE":
                    files.append(said)
                elif what == "fileOptions":
                    common = said
                else:
                    sets = [common | each for each in (said if isinstance(said, list) else [said])]
                    tried = [
                        each for each in sets if holds(each.get("test.condition", ""), name, each)
                    ]
                continue
            if expected is None and (line.startswith(b"#") or not line.strip()):
                continue
            for options in tried:
                if holds(str((expected or {}).get("constraint", "")), name, options):
                    yield Sample(f"{file}:{number}", line, options, expected or {})
            expected = None


def matcher(path: Path, options: Options) -> Matcher:
    """Give the matcher for a filter with parameters; names in place of addresses are taken."""
    given = {key: value for key, value in options.items() if not key.startswith("test.")}
    text = ", ".join(f'{key}="{value}"' for key, value in ({"usedns": "warn"} | given).items())
    reading = load_filter(f"{path}[{text}]", Path("/nowhere"))
    assert reading.definition is not None, [str(problem) for problem in reading.problems]
    # The journal brings the time beside the line.
    return Matcher(reading.definition, timeout=LIMIT, dated=options.get("logtype") != "journal")


def check(path: Path, logs: Path) -> Report:
    """Try a filter on all of its samples."""
    report = Report()
    matchers: dict[str, Matcher] = {}
    offset = 0
    for sample in samples(logs, path.stem):
        key = json.dumps(sample.options)
        if key not in matchers:
            matchers[key] = matcher(path, sample.options)
        prefix = sample.options.get("test.prefix-line", "")
        data = prefix.encode() + sample.raw + b"\n"
        nowhere = Position("sample", 0, 0, 0, b"", 0)
        block = Block("sample", data, offset, live=False, position=nowhere)
        offset += len(data)
        timeouts = matchers[key].counters.timeouts
        found = [*matchers[key].match(block, NOW), *matchers[key].take_named()]
        report.cases += 1
        wrong = list(differences(found, sample))
        if matchers[key].counters.timeouts > timeouts:
            wrong.append("took too long")
        if wrong:
            text = sample.raw.decode(errors="replace")
            report.wrong.append(f"{sample.place} {key}: {'; '.join(wrong)}\n    {text}")
    return report


def differences(found: list[Failure | NamedFailure], sample: Sample) -> Iterator[str]:
    """Say what is not as the annotation says."""
    wanted = sample.expected.get("match", False)
    if len(found) != int(bool(wanted)):
        yield f"{len(found)} failures where match is {json.dumps(wanted)}"
        return
    for failure in found:
        said = sample.expected.get("time")
        at = NOW if failure.time is None else float(int(failure.time))
        if said is not None and at != (due := local(str(said))):
            yield f"time {failure.time} and not {due} ({said})"
        for key, value in sample.expected.items():
            if key not in _NO_CAPTURES and (is_ := capture(failure, key)) != by_value(value):
                yield f"{key} {is_!r} and not {value!r}"


def capture(failure: Failure | NamedFailure, key: str) -> object:
    """Give what a failure says by fail2ban's name for it."""
    host = failure.address if isinstance(failure, Failure) else failure.host
    if key == "host":
        return host
    if key == "attempts":
        return len(failure.line.split("\n"))
    if key == "users":
        return failure.fields.get("users", "").split("\n")
    if key in ("ip4", "ip6"):
        return host if (key == "ip6") == (":" in host) else None
    return failure.fields.get(key)


def by_value(value: object) -> object:
    """Give an address in the one way in which logban writes it, and anything else as it is."""
    try:
        return canonical_address(value) if isinstance(value, str) else value
    except ValueError:
        return value


def local(text: str) -> float:
    """Give the whole second of a time in the samples' zone."""
    return time.mktime(time.strptime(text.partition(".")[0], "%Y-%m-%dT%H:%M:%S"))


def filters(package: Path, directory: Path) -> list[Path]:
    """Give all of fail2ban's filters, those that its tests bring along included."""
    stock = [path for path in directory.glob("*.conf") if not path.stem.endswith("common")]
    return sorted(stock) + sorted((package / "config/filter.d").glob("zzz-*.conf"))


@contextmanager
def in_reach_of_its_includes(path: Path, directory: Path) -> Iterator[Path]:
    """Give a filter's path from where its includes are found.

    Those of fail2ban's tests look for them where fail2ban's sources have them: seven folders up.
    """
    if not path.name.startswith("zzz-"):
        yield path
        return
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "config").mkdir()
        (Path(root) / "config/filter.d").symlink_to(directory)
        folder = Path(root, *"abcdefg")
        folder.mkdir(parents=True)
        yield Path(shutil.copy(path, folder))


@pytest.fixture(autouse=True)
def zone_of_the_samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_filters_and_their_samples_are_installed() -> None:
    assert len(filters(PACKAGE, FILTERS)) > 80


@pytest.mark.parametrize("path", filters(PACKAGE, FILTERS), ids=lambda path: path.stem)
def test_a_filter_finds_in_its_samples_what_fail2ban_finds(path: Path) -> None:
    with in_reach_of_its_includes(path, FILTERS) as here:
        report = check(here, PACKAGE / "files/logs")
    assert report.cases
    assert report.wrong == []


def test_what_is_not_as_annotated_is_told() -> None:
    path = FILTERS / "vsftpd.conf"
    sample = next(each for each in samples(PACKAGE / "files/logs", "vsftpd") if each.expected)
    wrong = replace(sample, expected={"match": True, "host": "x", "time": "2005-01-01T00:00:00"})
    block = Block("x", sample.raw + b"\n", 0, live=False, position=Position("x", 0, 0, 0, b"", 0))
    failures = matcher(path, {}).match(block, NOW)
    assert list(differences(list(failures), sample)) == []
    assert len(list(differences(list(failures), wrong))) == 2
    assert len(list(differences([], sample))) == 1
    assert len(list(differences([], replace(sample, expected={})))) == 0


def table(package: Path, directory: Path) -> str:
    """Give a line for each filter, and what is wrong below it."""
    lines, passed, cases, failed = [], 0, 0, 0
    for path in filters(package, directory):
        try:
            with in_reach_of_its_includes(path, directory) as here:
                report = check(here, package / "files/logs")
        except (AssertionError, ValueError, OSError) as problem:
            report = Report(0, [f"not tried: {problem}"])
        good = report.cases - len(report.wrong) if report.cases else 0
        passed, cases, failed = passed + good, cases + report.cases, failed + bool(report.wrong)
        lines.append(f"{path.stem:32}{good:6} of {report.cases:4}")
        lines += [f"  {each}" for each in report.wrong]
    lines.append(f"{passed} of {cases} cases pass; {failed} filters fail")
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ["TZ"] = ZONE
    time.tzset()
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    conf = Path(sys.argv[2]) if len(sys.argv) > 2 else FILTERS
    print(table(where, conf))  # noqa: T201  # the table is for the terminal
