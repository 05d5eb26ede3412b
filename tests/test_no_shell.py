# SPDX-License-Identifier: MIT
"""No text reaches a shell: by default nothing starts one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from logban.config import load

PACKAGE = Path(__file__).parents[1] / "logban"
FORBIDDEN = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell", "pty.spawn", "eval", "exec",
}  # fmt: skip
SHELLS = {"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash", "/usr/bin/env"}


def shells(tree: ast.Module) -> Iterator[str]:
    """Give what in a module could start a shell, or evaluate text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in FORBIDDEN:
                yield ast.unparse(node.func)
            for keyword in node.keywords:
                is_off = isinstance(keyword.value, ast.Constant) and not keyword.value.value
                if keyword.arg == "shell" and not is_off:
                    yield f"{ast.unparse(node.func)}(shell=...)"
        if isinstance(node, ast.Constant) and node.value in SHELLS:
            yield repr(node.value)


def test_nothing_starts_a_shell_but_what_fail2bans_own_actions_need() -> None:
    """Those are taken over from a host's fail2ban, on purpose; no shipped jail has one."""
    found = {path.name: list(shells(ast.parse(path.read_text()))) for path in PACKAGE.rglob("*.py")}
    assert {name for name, where in found.items() if where} == {"shell.py"}
    for jail in load(PACKAGE.parent).jails.values():
        assert {spec.type_name for spec in jail.actions} <= {"nftables", "iptables", "email"}


@pytest.mark.parametrize(
    "text",
    [
        "os.system('x')",
        "subprocess.run(x, shell=True)",
        "subprocess.Popen(x, shell=flag)",
        "run(['sh', '-c', x])",
        "eval(x)",
    ],
)
def test_what_would_be_found(text: str) -> None:
    assert list(shells(ast.parse(text)))
    assert not list(shells(ast.parse("subprocess.run(x, shell=False)")))
