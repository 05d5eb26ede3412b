# SPDX-License-Identifier: MIT
"""Judging asks whether it is enough, and whether this subject is exempt."""
