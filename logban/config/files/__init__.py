# SPDX-License-Identifier: MIT
"""Files in fail2ban's dialect: lines, sections, layers, and what their references stand for."""
