# SPDX-License-Identifier: MIT
"""The demonstration tells its story to the end, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_demonstration_plays() -> None:
    played = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "demo" / "demo.py")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "That is the main job." in played.stdout
    assert played.stdout.count("dropped") >= 4
    left = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True)
    assert "logban-demo" not in left.stdout
