"""Which device computes; only ``auto`` chooses, nothing falls back in silence."""

from vct.errors import VctError


def resolve_device(name: str) -> str:
    """Torch's name of the device to use.

    Parameters
    ----------
    name
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises
    ------
    VctError
        If the device is not there, or its name is none.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise VctError(f"--device {name}: must be auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if device.type == "cuda" else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise VctError(
            f"--device {name}: this machine shows {count} CUDA devices. Use "
            "--device cpu, or see 'vct doctor'."
        )
    return str(device)
