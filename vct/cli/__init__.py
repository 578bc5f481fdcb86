"""``vct``: parse, call, print, exit code; no science.

Heavy imports stand inside the commands, so that ``vct --help`` and ``vct check``
answer within a second.
"""

from vct.cli.main import app, main

__all__ = ["app", "main"]
