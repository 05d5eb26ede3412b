# SPDX-License-Identifier: MIT
"""The block engine: what the matcher defines, for whole blocks at a time."""
