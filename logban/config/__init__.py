# SPDX-License-Identifier: MIT
"""Configuration: what did the admin write, and where?"""
