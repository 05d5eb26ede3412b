# SPDX-License-Identifier: MIT
"""Completion as the shells do it: the packaged scripts, loaded by real shells."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path
from typing import Protocol

import pytest

from logban.testing.waiting import LIMIT


class Package(Protocol):
    """What the fixture gives."""

    root: Path


def environment(package: Package) -> dict[str, str]:
    return {"PATH": f"{package.root}/usr/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"}


BASH = """
source "$1"
shift
COMP_WORDS=(logban-client "$@")
COMP_CWORD=$#
_logban_client_completion logban-client "${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(package: Package, *words: str) -> list[str]:
    script = package.root / "usr/share/bash-completion/completions/logban-client"
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", str(script), *words],
        check=True,
        capture_output=True,
        text=True,
        env=environment(package),
    )
    assert (
        done.stderr.replace("bash: compopt: not currently executing completion function\n", "")
        == ""
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ba",), {"banned", "ban"}),
        (("allow", ""), {"add", "del", "list"}),
        (("filter", "te"), {"test"}),
        (("ban", "--re"), {"--reason"}),
        (("set", "asterisk", "un"), {"unbanip"}),
    ],
)
def test_bash(package: Package, words: tuple[str, ...], expected: set[str]) -> None:
    assert set(bash(package, *words)) == expected


def test_bash_finds_the_script_by_itself(package: Package) -> None:
    """bash-completion loads it at the first Tab, by the name of the command."""
    program = """
        source /usr/share/bash-completion/bash_completion
        _completion_loader logban-client
        complete -p logban-client
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=environment(package) | {"XDG_DATA_DIRS": f"{package.root}/usr/share"},
    )
    assert "-F _logban_client_completion" in done.stdout


def test_fish(package: Package) -> None:
    script = package.root / "usr/share/fish/vendor_completions.d/logban-client.fish"
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C 'logban-client unb'"],
        check=True,
        capture_output=True,
        text=True,
        env=environment(package) | {"HOME": "/nonexistent"},
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["unban"]


def test_zsh_completes_at_the_first_tab(package: Package, tmp_path: Path) -> None:
    """It is loaded by the Tab itself, which is not to be lost."""
    directory = package.root / "usr/share/zsh/vendor-completions"
    (tmp_path / ".zshrc").write_text(
        f"PS1='%% '; fpath=({directory} $fpath); autoload -U compinit; compinit -D -u; echo set\n"
    )
    terminal, inner = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "zsh", "-i"],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=environment(package) | {"ZDOTDIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    os.close(inner)
    try:
        _read_until(terminal, "set\r\n.*% ")
        os.write(terminal, b"logban-client unm\t")
        assert "logban-client unmatched" in _read_until(terminal, "unmatched")
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def _read_until(terminal: int, pattern: str) -> str:
    """Read from a terminal until it shows that; AssertionError if it never does."""
    seen = b""
    deadline = time.monotonic() + LIMIT
    while not re.search(pattern, seen.decode("utf-8", "replace"), re.DOTALL):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, seen
        seen += os.read(terminal, 4096)
    return seen.decode("utf-8", "replace")
