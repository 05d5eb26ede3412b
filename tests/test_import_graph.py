# SPDX-License-Identifier: MIT
"""Imports run one way, from the programs down to the model, and importing reads nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "logban"

# Whoever stands on the left may import the bottom, itself, and what stands on the right:
# a module, or a folder with all that is in it.
BOTTOM = (
    "",
    "nouns",
    "addresses",
    "model",
    "errors",
    "durations",
    "text",
    "zones",
    "clock",
    "deadline",
    "oneline",
    "aside",
    "supervision",
    "sdnotify",
    "policy",
)
MAY_IMPORT = {
    **dict.fromkeys(BOTTOM, ()),
    "sources": (),
    "matching": (),
    "judging": (),
    "ledger": ("judging.exemptions.exemption",),
    "actions": (),
    "control": (),
    "config": ("matching", "actions.catalogue", "actions.declaration", "actions.command.shell"),
    "running": (
        "config.settings", "config.parsers", "config.server.manager_login", "matching", "judging",
        "actions", "ledger",
        "sources.files",
    ),
    "offline": (
        "running.jail", "running.deciding", "running.permissions_table", "running.numbering",
        "sources.offline",
        "matching", "judging", "ledger", "config",
    ),
    "daemon": (
        "running", "sources", "judging", "ledger", "config.settings", "matching.engine.saved",
    ),
    "health": ("actions", "config.settings", "sources.report"),
    "service": (
        "daemon", "running.jail", "health", "control", "config", "judging", "ledger.records",
        "ledger.ledger", "matching.matcher", "matching.unmatched", "matching.engine.ladder",
        "sources.report", "actions",
    ),
    "server": (
        "running", "service", "daemon", "control", "config", "actions", "ledger", "judging",
        "matching", "sources",
    ),
    "migration": (
        "config", "actions.catalogue", "actions.declaration", "actions.types_message",
        "service.adopting", "control.payloads", "judging", "ledger",
    ),
    "client": (
        "control.protocol", "control.payloads", "control.shape",
        "offline", "config", "matching", "judging.impact", "judging.exemptions.names",
        "judging.weights", "actions.kamailio",
        "actions.types_kamailio",
        "migration",
    ),
    "testing": (
        "sources", "matching", "judging", "ledger", "actions", "control", "config",
        "running", "daemon", "service", "server", "client",
    ),
}  # fmt: skip

# However many modules lie between, these must not reach those.
NEVER_REACHES = {
    "client": (
        "daemon",
        "service.commands",
        "service.views",
        "server",
        "ledger.store",
        "sources.files",
        "testing",
    ),
    "server": ("client", "testing"),
    "config": ("sources", "judging", "ledger", "control"),
}
# One command may fill the ledger: nobody else could, where no daemon runs.
FILLS_THE_LEDGER = "client.commands.import_fail2ban"
# The client's commands that work without a daemon; all others know nothing but the protocol.
OFFLINE_COMMANDS = (
    "client.commands.check",
    "client.commands.filter",
    "client.commands.replay",
    "client.offline",
    "client.commands.kamailio",
    "client.commands.import_fail2ban",
    "client.filter_report",
)
OF_THE_PROTOCOL = (*BOTTOM, "client", "control.protocol", "control.payloads", "control.shape")


def name_of(path: Path) -> str:
    """Give a module's name below the package: ``matching.dates``; "" is the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.Module) -> Iterator[str]:
    """Give the names, below the package, of the modules of ours that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "logban":
                    yield alias.name.removeprefix("logban").removeprefix(".")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module and node.module.split(".")[0] == "logban":
                base = node.module.removeprefix("logban").removeprefix(".")
                for alias in node.names:
                    inner = f"{base}.{alias.name}".strip(".")
                    yield inner if inner in TREES else base


GRAPH = {name: set(imported(tree)) - {name} for name, tree in TREES.items()}


def is_in(name: str, places: Iterable[str]) -> bool:
    """Tell whether a module is one of these, or lies in one of these folders."""
    return any(name == place or (place and name.startswith(f"{place}.")) for place in places)


def reached(name: str) -> set[str]:
    """Give all that a module imports, and what that imports, and so on."""
    seen: set[str] = set()
    left = {name}
    while left:
        seen |= left
        left = {other for each in left for other in GRAPH[each]} - seen
    return seen - {name}


def test_every_module_has_its_place_in_the_table() -> None:
    assert {name.split(".")[0] for name in TREES} == MAY_IMPORT.keys()
    named = {place for places in MAY_IMPORT.values() for place in places}
    assert named <= {*TREES, *(name.split(".")[0] for name in TREES)}


@pytest.mark.parametrize("name", TREES)
def test_a_module_imports_what_its_place_allows(name: str) -> None:
    unit = name.split(".", maxsplit=1)[0]
    own = () if unit in BOTTOM else (unit,)
    allowed = (*BOTTOM, *own, *MAY_IMPORT[unit])
    assert {other for other in GRAPH[name] if not is_in(other, allowed)} == set()


@pytest.mark.parametrize("unit", NEVER_REACHES)
def test_some_never_reach_others(unit: str) -> None:
    for name in TREES:
        if is_in(name, (unit,)):
            far = {other for other in reached(name) if is_in(other, NEVER_REACHES[unit])}
            assert far - ({"ledger.store"} if name == FILLS_THE_LEDGER else set()) == set(), name


def test_a_command_that_asks_the_daemon_knows_only_the_protocol() -> None:
    for name in TREES:
        if is_in(name, ("client",)) and name not in OFFLINE_COMMANDS:
            far = {other for other in reached(name) if not is_in(other, OF_THE_PROTOCOL)}
            assert far == set(), name


def test_such_a_command_starts_without_the_daemons_libraries() -> None:
    modules = sorted(
        name for name in TREES if is_in(name, ("client",)) and name not in OFFLINE_COMMANDS
    )
    imports = "; ".join(f"import logban.{name}" for name in modules)
    heavy = {"asyncio", "iptc", "jinja2", "pyroute2", "regex", "sqlite3", "watchdog"}
    program = f"import sys; {imports}; print(*({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout.split() == []


def test_who_tries_a_filter_does_not_wait_for_the_daemons_libraries() -> None:
    heavy = {"asyncio", "ssl", "iptc", "jinja2", "pyroute2", "sqlite3", "watchdog"}
    program = f"import sys, logban.client.commands.filter; print(*({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout.split() == []


def test_there_are_no_circles() -> None:
    tuple(TopologicalSorter(GRAPH).static_order())


# What tells the time, the environment or the file system: calls by their names, and methods that
# only a path, a date or a clock has.
READING_CALLS = ("open", "input", "time.", "os.", "socket.", "subprocess.", "shutil.", "locale.",
                 "Path.cwd", "Path.home", "datetime.now", "datetime.today", "date.today",
                 "getpass.", "platform.", "secrets.")  # fmt: skip
READING_METHODS = {"read_text", "read_bytes", "exists", "is_file", "is_dir", "resolve", "stat",
                   "iterdir", "glob", "rglob", "utcnow"}  # fmt: skip
READING_NAMES = ("os.environ", "sys.argv", "sys.stdin")


FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes that are evaluated when a module is imported: no body of any function."""
    for field, value in ast.iter_fields(node):
        if field == "body" and isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        ):
            continue
        if field in ("annotation", "returns"):  # never evaluated: annotations is imported
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from at_import(child)


def readings(tree: ast.Module) -> Iterator[str]:
    """Give what a module reads of the world around it when it is imported."""
    for node in at_import(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in READING_NAMES:
            yield ast.unparse(node)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            by_name = any(
                called.startswith(name) if name.endswith(".") else called == name
                for name in READING_CALLS
            )
            method = isinstance(node.func, ast.Attribute) and node.func.attr in READING_METHODS
            if by_name or method:
                yield called


@pytest.mark.parametrize("name", [name for name in TREES if not is_in(name, ("testing",))])
def test_importing_a_module_reads_nothing(name: str) -> None:
    assert list(readings(TREES[name])) == []


@pytest.mark.parametrize(
    "text",
    [
        "NOW = time.time()",
        "def f(now=datetime.now()): pass",
        "class A:\n    home = os.environ['HOME']",
        "TEXT = Path('x').read_text()",
        "@decorated(open('x'))\ndef f(): pass",
        "if os.path.exists('x'): pass",
        "X = [open(n) for n in 'ab']",
    ],
)
def test_what_would_be_found(text: str) -> None:
    assert list(readings(ast.parse(text)))
    later = "\n".join(f"    {line}" for line in text.splitlines())
    assert not list(readings(ast.parse(f"def later():\n{later}")))
