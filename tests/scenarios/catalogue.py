# SPDX-License-Identifier: MIT
"""All scenes, from whichever module they are."""

from __future__ import annotations

from typing import Final

import further
import wide
from scenes import SCENES, Scene

_WRITTEN_IN: Final = (further, wide)
"""Each adds its scenes as it is imported."""

ALL: Final[list[Scene]] = SCENES
