# SPDX-License-Identifier: MIT
"""Sources tell what is new, and lose or double none of it."""
