# SPDX-License-Identifier: MIT
"""Matching asks who did what, according to this line."""
