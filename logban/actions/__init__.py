# SPDX-License-Identifier: MIT
"""Actions: is what was decided in force, and who was told?"""
