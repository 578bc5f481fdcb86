"""Named random streams: one seed in the spec, one independent stream per use.

``stream(7, "noise/base", "S0017")`` depends on nothing but its arguments, so that
adding a subject, an arm or a stage changes no other subject.
"""

import hashlib

import numpy as np


def stream(seed: int, *path: str | int) -> np.random.SeedSequence:
    """Seed sequence of one use of randomness in a cohort.

    Examples
    --------
    >>> a = stream(7, "demographics", 0).generate_state(1)
    >>> b = stream(7, "demographics", 0).generate_state(1)
    >>> bool(a == b)
    True
    >>> bool(stream(7, "S1", "11").generate_state(1)
    ...      == stream(7, "S11", "1").generate_state(1))
    False
    """
    digest = hashlib.sha256("/".join(map(str, path)).encode()).digest()
    key = tuple(np.frombuffer(digest[:16], "<u4").tolist())
    return np.random.SeedSequence(seed, spawn_key=key)


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """NumPy generator on the stream of the same name."""
    return np.random.Generator(np.random.PCG64(stream(seed, *path)))


def torch_seed(seed: int, *path: str | int) -> int:
    """63-bit seed for ``torch.Generator.manual_seed`` from the same stream."""
    high, low = stream(seed, *path).generate_state(2, np.uint32)
    return ((int(high) & 0x7FFFFFFF) << 32) | int(low)
