# SPDX-License-Identifier: MIT
"""How the text of an action's parameter is read; each raises ValueError with a sentence."""

from __future__ import annotations
