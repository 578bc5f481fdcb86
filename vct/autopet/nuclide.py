"""Half-lives of PET nuclides, and which one a header means."""

import re

from vct.autopet.header import PetHeader
from vct.autopet.refusal import SuvError

# Half-lives [s]: ENSDF / NuDat 3.
HALF_LIFE_S = {
    "F-18": 6586.2,
    "Ga-68": 4062.6,
    "C-11": 1221.84,
    "N-13": 597.9,
    "O-15": 122.24,
    "Rb-82": 75.45,
    "Cu-64": 45723.6,
    "Zr-89": 282276.0,
    "I-124": 360806.4,
}
# Headers differ by their table of nuclides: 6584 … 6588 s for F-18, 4057.7 … 4100 s
# for Ga-68.
_TOLERANCE = 0.01

_NAMES = {
    "F-18": ("f", "fluor"),
    "Ga-68": ("ga", "gallium"),
    "C-11": ("c", "carbon"),
    "N-13": ("n", "nitrogen"),
    "O-15": ("o", "oxygen"),
    "Rb-82": ("rb", "rubidium"),
    "Cu-64": ("cu", "copper"),
    "Zr-89": ("zr", "zirconium"),
    "I-124": ("i", "iodine"),
}


def nuclide_named(text: str) -> str | None:
    """Nuclide that a code meaning or a name stands for, or None.

    Examples
    --------
    >>> nuclide_named("^18^Fluorine"), nuclide_named("Ga68"), nuclide_named("Fluorine")
    ('F-18', 'Ga-68', None)
    """
    words = re.findall(r"[a-z]+", text.lower())
    mass = re.search(r"\d+", text)
    if mass is None or not words:
        return None
    for nuclide, (symbol, name) in _NAMES.items():
        right_mass = nuclide.split("-")[1] == mass.group()
        if right_mass and any(w == symbol or w.startswith(name) for w in words):
            return nuclide
    return None


def half_life_s(header: PetHeader) -> tuple[float, list[str]]:
    """Half-life that the image was corrected with [s], and what had to be assumed.

    Radionuclide Half Life is by the standard the one "that was used in the correction
    of this image" (PS3.3 C.8.9.2), so it outweighs the name of the nuclide.

    Raises
    ------
    SuvError
        If the header has neither, or the half-life is no PET nuclide's.
    """
    stored, named = header.half_life_s, header.nuclide
    if stored is None:
        if named is None:
            raise SuvError("neither half-life nor nuclide is in the header")
        known = HALF_LIFE_S[named]
        return known, [f"no half-life in the header: that of {named}, {known:g} s"]
    nuclide = nuclide_of(stored)
    if nuclide is None:
        raise SuvError(
            f"a half-life of {stored:g} s is no PET nuclide's; F-18 has "
            f"{HALF_LIFE_S['F-18']:g} s"
        )
    if named is not None and named != nuclide:
        return stored, [
            f"the nuclide is named {named}, but the half-life {stored:g} s is that of "
            f"{nuclide}; the half-life is taken"
        ]
    return stored, []


def nuclide_of(half_life: float) -> str | None:
    """Nuclide of a half-life [s], or None."""
    for nuclide, known in HALF_LIFE_S.items():
        if abs(half_life - known) <= _TOLERANCE * known:
            return nuclide
    return None
