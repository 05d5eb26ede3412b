# SPDX-License-Identifier: MIT
"""What an enforcer finds wrong with what it holds, and what is to be done then."""

from __future__ import annotations

from logban.errors import ActionError


class Missing(ActionError):
    """What holds the bans is gone or changed; ``prepare`` mends it, then every ban is applied."""
