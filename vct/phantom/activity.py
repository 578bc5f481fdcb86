"""How much of the injected activity a drawn person holds in the field of a scan.

SUV × volume, summed over the body, is the weight times what is left of the dose. Organs
count with their drawn volumes, the rest with usual ones.
"""

from collections.abc import Mapping

from vct.phantom.demographics import Person, weight_per_lean_mass

# Volume in the field over lean mass [mL/g], means of hedyPET's 60 people.
MUSCLE_PER_LEAN = {"F": 0.347, "M": 0.342}
OTHER_PER_LEAN = 0.130
BONE_PER_LEAN = 0.072
VISCERAL_FAT_PER_WEIGHT = 0.037
# Subcutaneous fat at 25 kg/m² [mL], per kg/m², at a height [cm]: fit to these people.
SUBCUTANEOUS_ML = {"F": (18900.0, 1830.0, 166.0), "M": (12900.0, 1450.0, 177.0)}


def activity_share(person: Person, quantities: Mapping[str, float]) -> float:
    """SUV × volume over weight, of drawn quantities (``suv/liver``, …)."""
    weight_g = 1000.0 * person.bmi_kg_m2 * person.height_m**2
    organs = sum(
        volume * quantities["suv/" + name.removeprefix("volume_ml/")]
        for name, volume in quantities.items()
        if name.startswith("volume_ml/")
    )
    lean = (
        MUSCLE_PER_LEAN[person.sex] * quantities["suv/muscle"]
        + OTHER_PER_LEAN * quantities["suv/other_soft_tissue"]
        + BONE_PER_LEAN * quantities["suv/pelvis"]
    )
    subcutaneous_ml = subcutaneous_fat_ml(
        person.sex, person.bmi_kg_m2, 100.0 * person.height_m
    )
    return (
        (organs + subcutaneous_ml * quantities["suv/subcutaneous_fat"]) / weight_g
        + VISCERAL_FAT_PER_WEIGHT * quantities["suv/visceral_fat"]
        + lean / weight_per_lean_mass(person.sex, person.bmi_kg_m2)
    )


def subcutaneous_fat_ml(sex: str, bmi_kg_m2: float, height_cm: float) -> float:
    """Usual volume of subcutaneous fat in the field [mL], see ``SUBCUTANEOUS_ML``."""
    base, per_bmi, usual_cm = SUBCUTANEOUS_ML[sex]
    usual = base + per_bmi * (bmi_kg_m2 - 25.0)
    return max(usual, 3000.0 + 100.0 * bmi_kg_m2) * (height_cm / usual_cm) ** 2
