# SPDX-License-Identifier: MIT
"""What the running daemon answers an admin."""
