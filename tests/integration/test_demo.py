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


def test_where_no_namespace_can_be_made_it_says_so(tmp_path: Path) -> None:
    ip = tmp_path / "ip"
    ip.write_text("#!/bin/sh\necho 'mount --make-rslave / failed' >&2\nexit 255\n")
    ip.chmod(0o755)
    played = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "demo" / "demo.py")],
        check=False, capture_output=True, text=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )  # fmt: skip
    assert played.returncode == 1
    assert played.stderr.startswith(
        "network namespaces can't be made here: ip netns add logban-demo-"
    )
    assert "mount --make-rslave / failed\n" in played.stderr
    assert "Traceback" not in played.stderr
