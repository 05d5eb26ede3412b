# SPDX-License-Identifier: MIT
"""The commands that a person types, each in a module of its name."""
