# SPDX-License-Identifier: MIT
"""Sources: what is new, and have I lost or doubled any of it?"""
