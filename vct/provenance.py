"""What made a cohort: versions, hashes, memory. No clock: times are arguments."""

import hashlib
import importlib.metadata
import platform
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

# Packages whose version can change a voxel, a byte of DICOM or a verdict.
RECORDED_PACKAGES = (
    "torch",
    "monai",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pydicom",
    "highdicom",
    "safetensors",
    "matplotlib",
)

# Those of them whose version can change a voxel.
DECIDING_PACKAGES = ("torch", "numpy")


def package_versions(names: tuple[str, ...] = RECORDED_PACKAGES) -> dict[str, str]:
    """Installed versions, read from metadata: nothing is imported."""
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def deciding_versions(versions: Mapping[str, str]) -> dict[str, str]:
    """Of package versions, those that shards of one cohort must share.

    Without what a build adds: ``+cpu`` and ``+cu130`` tell the device, not the code.

    >>> deciding_versions({"torch": "2.9.0+cpu", "pandas": "3.0.0"})
    {'torch': '2.9.0'}
    """
    return {
        name: versions[name].partition("+")[0]
        for name in DECIDING_PACKAGES
        if name in versions
    }


def python_version() -> str:
    """Interpreter and machine, such as ``CPython 3.11.7 on Linux x86_64``."""
    return (
        f"{platform.python_implementation()} {platform.python_version()} "
        f"on {platform.system()} {platform.machine()}"
    )


def sha256_of_bytes(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak_memory_bytes() -> int:
    """Largest resident memory of this process plus that of its largest ended child."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes or KiB
    return unit * sum(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
