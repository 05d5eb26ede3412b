# SPDX-License-Identifier: MIT
"""The ``email`` action: who is told, what, and how it leaves the host."""
