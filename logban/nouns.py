# SPDX-License-Identifier: MIT
"""Frozen dataclasses that are made by the hundred thousand.

A frozen dataclass is guarded twice: the type-checker refuses to change it, and so does each
assignment at run time, for which its own ``__init__`` has to go a long way round: a ban took four
times as long to make.  Here the guard is the type-checker's alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import dataclass as mutable

    def dataclass(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """Make a dataclass that is compared and hashed as a frozen one is."""
        return mutable(slots=slots, unsafe_hash=frozen)


__all__ = ["dataclass"]
