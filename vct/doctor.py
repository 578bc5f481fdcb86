"""What this machine can do: versions, device, memory, models, disk, programs."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import vct
from vct.errors import ModelError
from vct.models import list_models
from vct.provenance import package_versions, python_version

# Independent judges the tests use; none is needed to build a cohort.
_PROGRAMS = {
    "dciodvfy": "-version",
    "dcmdump": "--version",
    "dcm2niix": "--version",
}


def diagnose(folder: str | Path = ".") -> dict[str, Any]:
    """Look at the machine; plain JSON values only.

    Parameters
    ----------
    folder
        Where cohorts would be written: whose disk is asked.
    """
    return {
        "vct": vct.__version__,
        "python": python_version(),
        "packages": package_versions(),
        "cpu": {"cores": _cores(), "memory_bytes": _memory_bytes()},
        "torch": _torch(),
        "models": _models(),
        "disk_free_bytes": shutil.disk_usage(folder).free,
        "programs": {name: _program(name, flag) for name, flag in _PROGRAMS.items()},
    }


def describe(diagnosis: dict[str, Any]) -> str:
    """Diagnosis as lines for people."""
    cpu, torch = diagnosis["cpu"], diagnosis["torch"]
    lines = [
        f"vct        {diagnosis['vct']}",
        f"python     {diagnosis['python']}",
        f"cpu        {cpu['cores']} cores, {cpu['memory_bytes'] / 2**30:.1f} GiB",
    ]
    if "error" in torch:
        lines.append(f"torch      {torch['error']}")
    else:
        bf16 = "bf16 in hardware" if torch["cpu_bf16"] else "no bf16 in hardware"
        lines.append(
            f"torch      {torch['version']}, {torch['threads']} threads, {bf16}"
        )
        lines += [
            f"gpu        {gpu['name']}, {gpu['memory_bytes'] / 2**30:.0f} GiB"
            for gpu in torch["gpus"]
        ] or ["gpu        none"]
    lines += [f"model      {m['name']} {m['state']}" for m in diagnosis["models"]] or [
        "model      none bundled"
    ]
    lines.append(f"disk       {diagnosis['disk_free_bytes'] / 1e9:.1f} GB free here")
    lines += [
        f"{name:10s} {version or 'not installed (used by tests only)'}"
        for name, version in diagnosis["programs"].items()
    ]
    lines += [f"{name:15s} {v}" for name, v in diagnosis["packages"].items()]
    return "\n".join(lines)


def _cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _torch() -> dict[str, Any]:
    """What torch sees; a broken installation is a finding, not a crash."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return {"error": f"cannot be imported: {error}"}
    properties = [
        torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())
    ]
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "cpu_bf16": bool(torch.cpu._is_avx512_bf16_supported()),
        "gpus": [{"name": p.name, "memory_bytes": p.total_memory} for p in properties],
    }


def _models() -> list[dict[str, Any]]:
    """Bundled models, each with whether its files are what its card says."""
    try:
        cards = list_models()
    except ModelError as error:
        return [{"name": "?", "state": str(error), "sha256": None}]
    models = []
    for card in cards:
        try:
            card.check_files()
            state = f"{card.version}, {card.sha256[:12]}, files in order"
        except ModelError as error:
            state = f"{card.version}: {error}"
        models.append({"name": card.name, "state": state, "sha256": card.sha256})
    return models


def _program(name: str, flag: str) -> str | None:
    """First line an external program says of its version; None if it is absent."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        answer = subprocess.run(
            [path, flag], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return path
    lines = (answer.stdout + answer.stderr).strip().splitlines()
    return lines[0].strip() if lines else path
