# SPDX-License-Identifier: MIT
"""What somebody's failures come to: within a window, over a day, with the lines behind them."""
