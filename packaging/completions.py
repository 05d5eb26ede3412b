#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write what makes shells complete logban-client; its words come from the program itself.

packaging/completions.py DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path

from click.shell_completion import get_completion_class

from logban.client.main import cli

PROGRAM = "logban-client"
VARIABLE = "_LOGBAN_CLIENT_COMPLETE"
NAMES = {"bash": PROGRAM, "zsh": f"_{PROGRAM}", "fish": f"{PROGRAM}.fish"}
"""The file names by which each shell finds them."""

FUNCTION = "_logban_client_completion"
ZSH_REGISTERS = f"compdef {FUNCTION} {PROGRAM};"
ZSH_RUNS_OR_REGISTERS = f"""\
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    {FUNCTION} "$@"
else
    compdef {FUNCTION} {PROGRAM}
fi
"""


def script(shell: str) -> str:
    """Give the script for a shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(f"click knows no shell {shell!r}")
    made = kind(cli, {}, PROGRAM, VARIABLE).source().strip() + "\n"
    if shell == "zsh" and "loadautofunc" not in made:
        # Before 8.1.4 click's script only registers itself, so that zsh, which loads it at the
        # first Tab, completes nothing before the second one.
        made = made.replace(ZSH_REGISTERS, ZSH_RUNS_OR_REGISTERS.strip())
    return made


def write(directory: Path) -> None:
    """Write them all into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for shell, name in NAMES.items():
        (directory / name).write_text(script(shell), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))
