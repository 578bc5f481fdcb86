"""Where the example cohorts and the trained models lie: in the wheel or the clone."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def bundled_folder(name: str) -> Path:
    """Folder ``cohorts`` or ``trained_models`` that came with this installation.

    A wheel carries them inside the package; in a clone they lie beside it.
    """
    inside = _PACKAGE / "_bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
