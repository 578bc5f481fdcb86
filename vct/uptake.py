"""Radiotracer arithmetic: SUV, activity concentration and decay.

Sources: DICOM PS3.3 C.8.9.1 and C.8.9.4; QIBA FDG-PET/CT Profile, vendor-neutral
SUV pseudo-code.
"""

F18_HALF_LIFE_S = 6586.2  # 109.77 min, ENSDF / NuDat 3


def bq_ml_per_suv(
    *,
    weight_kg: float,
    injected_mbq: float,
    uptake_min: float,
    half_life_s: float = F18_HALF_LIFE_S,
) -> float:
    """Activity concentration [Bq/mL] at series start that a body-weight SUV of 1 is.

    The dose decays from injection to series start:
    ``C = SUV · A0 · 2**(-t / T) / m`` with A0 in Bq, m in g.

    Raises
    ------
    ValueError
        If weight, dose or half-life is not positive, or uptake time is negative or so
        long that nothing is left.

    Examples
    --------
    >>> bq_ml_per_suv(weight_kg=70, injected_mbq=350, uptake_min=0)
    5000.0
    """
    for name, value in [
        ("weight_kg", weight_kg),
        ("injected_mbq", injected_mbq),
        ("half_life_s", half_life_s),
    ]:
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    if not uptake_min >= 0:
        raise ValueError(f"uptake_min must not be negative, got {uptake_min}")
    dose_bq = injected_mbq * 1e6 * 2.0 ** (-uptake_min * 60.0 / half_life_s)
    if not dose_bq > 0:
        raise ValueError(f"uptake_min {uptake_min:g} leaves no activity")
    return dose_bq / (weight_kg * 1e3)
