# SPDX-License-Identifier: MIT
"""The demonstration tells its story to the end, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_demonstration_plays() -> None:
    for bantime in ("15", "240"):  # a busy machine may not be through with it in a quarter minute
        with subprocess.Popen(
            [sys.executable, str(ROOT / "docs" / "demo" / "demo.py"), bantime],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as played:
            said, _ = played.communicate()
        if played.returncode == 0:
            break
    assert played.returncode == 0, said
    assert "That is the main job." in said
    assert said.count("dropped") >= 4
    left = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True)
    assert f"logban-demo-{played.pid}-" not in left.stdout
