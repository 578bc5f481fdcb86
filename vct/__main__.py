"""``python -m vct``."""

from vct.cli import main

main()
