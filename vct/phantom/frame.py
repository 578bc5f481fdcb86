"""What the parts of one phantom agree on: landmarks, outline and cavity [mm].

Host numbers only. Levels count from the lung top (z = 0) downward, mostly as a
share ``u`` of the torso length (lung top to the lowest point of the hips).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Frame:
    """Landmarks and per-level profiles of one subject [mm]."""

    sex: str
    torso_mm: float
    latents: dict[str, float]
    sizes: dict[str, float]
    outline: Profiles = field(init=False)
    marks: dict[str, float] = field(init=False)
    volumes_ml: dict[str, float] = field(default_factory=dict)
    bone_factors: dict[str, float] = field(default_factory=dict)

    def at(self, name: str) -> float:
        """A shape latent, 0 where the anatomy names none."""
        return self.latents.get(name, 0.0)

    def bone(self, name: str) -> float:
        """Factor on the cross-sections of a bone, 1 where none is named.

        Whole where a bone grows in its thickness alone: the blades of pelvis and
        scapula, the shell of the skull, the socket's wall. Else see ``bone_girth``.
        """
        return self.bone_factors.get(name, 1.0)

    def bone_girth(self, name: str) -> float:
        """Factor on the half breadths and radii of a bone: two grow, so the root."""
        return math.sqrt(self.bone(name))

    def level(self, u: float) -> float:
        """Height z of a share of the torso length below the lung top [mm]."""
        return -u * self.torso_mm

    def profile(self, name: str, z: float) -> float:
        """One profile at a height z [mm]."""
        return float(np.interp(z, self.outline.z, getattr(self.outline, name)))


@dataclass
class Profiles:
    """Trunk cross-sections against z [mm]; all arrays share the shape of ``z``.

    The outline is a superellipse of half breadth ``a``, half depth ``b``, middle
    ``yc`` and exponent ``n``; ``am bm ym`` is what the subcutaneous fat encloses,
    ``ac bc yv`` the cavity inside the muscle wall; ``xs ys`` the vertebral bodies.
    """

    z: np.ndarray
    a: np.ndarray
    b: np.ndarray
    yc: np.ndarray
    n: np.ndarray
    am: np.ndarray
    bm: np.ndarray
    ym: np.ndarray
    ac: np.ndarray
    bc: np.ndarray
    yv: np.ndarray
    xs: np.ndarray
    ys: np.ndarray

    def resampled(self, z: np.ndarray) -> Profiles:
        """The same profiles at other heights."""
        names = ("a", "b", "yc", "n", "am", "bm", "ym", "ac", "bc", "yv", "xs", "ys")
        return Profiles(z, *(np.interp(z, self.z, getattr(self, n)) for n in names))


def superellipse_area(a: np.ndarray, b: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Area of |x/a|^n + |y/b|^n = 1 [mm²]."""
    log_gamma = np.vectorize(math.lgamma)
    return 4 * a * b * np.exp(2 * log_gamma(1 + 1 / n) - log_gamma(1 + 2 / n))


def leg_fat(f: Frame) -> float:
    """Depth of skin and fat over the thigh's muscle [mm]."""
    fat = 0.55 * f.sizes["belly_fat"] * (1.25 if f.sex == "F" else 0.75) + 4
    return min(fat, 0.35 * f.sizes["thigh_girth"] / (2 * math.pi))
