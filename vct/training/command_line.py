"""Command lines of this folder's modules: what the user can mend, in one line."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from vct.errors import VctError
from vct.training.disk import told_of_disk


def told_in_one_line(main: Callable[[], None]) -> Callable[[], None]:
    """End a module's ``main`` as ``vct`` ends: an error's words, and its exit code."""

    @wraps(main)
    def ended() -> None:
        try:
            with told_of_disk(Path.cwd()):
                main()
        except VctError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_code)

    return ended
