"""From another kind of SUV back to body weight: what each kind divides by."""

from vct.autopet.header import PetHeader
from vct.autopet.refusal import SuvError
from vct.subjects.body import bmi_from_weight, bsa_du_bois, lbm_janmahasatian

# SUVType (0054,1006) of Units GML; absent means BW (PS3.3 C.8.9.1.1.3).
GRAM_TYPES = ("BW", "LBM", "LBMJAMES128", "LBMJANMA", "IBW")


def bw_per_unit(header: PetHeader, suv_type: str) -> tuple[float, list[str]]:
    """Body-weight SUV of a stored SUV of 1, and what had to be assumed.

    ``SUVbw = SUVx · weight / x``, where x is the lean or ideal mass [g], or the body
    surface [cm²].

    Raises
    ------
    SuvError
        If weight, height or sex is missing, or the kind is unknown.

    References
    ----------
    James WPT, Research on obesity, HMSO 1976 (factor 128; with 120: Morgan DJ, Bray KM,
    Clin Pharmacokinet 26:292, 1994). Sugawara Y, et al. Radiology 213:521, 1999 (ideal
    weight). Sex "O": the mean of both, IBSI manual.
    """
    if suv_type == "BW":
        return 1.0, []
    weight, height = _known(header, "weight_kg"), _known(header, "height_m")
    if suv_type == "BSA":
        return weight * 1e3 / (float(bsa_du_bois(weight, height)) * 1e4), []
    masses = {"M": _mass_kg(suv_type, weight, height, male=True)}
    masses["F"] = _mass_kg(suv_type, weight, height, male=False)
    if header.sex in masses:
        mass, notes = masses[header.sex], []
    elif header.sex == "O":
        mass = (masses["M"] + masses["F"]) / 2
        notes = [f"sex O: {suv_type} by the mean of men and women"]
    else:
        raise SuvError(f"sex is {header.sex}; SUV of type {suv_type} needs it")
    if suv_type == "LBM":
        notes.append("SUV Type LBM does not name its formula: James with 120 is taken")
    if not mass > 0:
        raise SuvError(f"{suv_type} gives a mass of {mass:g} kg")
    return weight / mass, notes


def _known(header: PetHeader, name: str) -> float:
    value = getattr(header, name)
    if value is None:
        raise SuvError(f"{name} is not in the header; its kind of SUV needs it")
    return float(value)


def _mass_kg(suv_type: str, weight_kg: float, height_m: float, *, male: bool) -> float:
    """Lean or ideal mass [kg]."""
    height_cm = 100.0 * height_m
    ratio_squared = (weight_kg / height_cm) ** 2
    if suv_type == "LBMJAMES128":
        if male:
            return 1.10 * weight_kg - 128.0 * ratio_squared
        return 1.07 * weight_kg - 148.0 * ratio_squared
    if suv_type == "LBM":
        if male:
            return 1.10 * weight_kg - 120.0 * ratio_squared
        return 1.07 * weight_kg - 148.0 * ratio_squared
    if suv_type == "LBMJANMA":
        bmi = bmi_from_weight(weight_kg, height_m)
        return float(lbm_janmahasatian(weight_kg, bmi, male))
    if suv_type == "IBW":
        if male:
            return 48.0 + 1.06 * (height_cm - 152.0)
        return 45.5 + 0.91 * (height_cm - 152.0)
    raise SuvError(f"SUV Type {suv_type} is unknown")
