"""Measured people as a table: hedyPET's 60 adults, by the quantities we fit.

Volumes of structures that make up one quantity add, their SUVs average by volume.
"""

from pathlib import Path

import pandas as pd

from vct.phantom.demographics import Demographics

AGE_BAND_MIDDLE = {"18-34": 27.0, "35-49": 42.5, "50-69": 60.0, "70-99": 76.0}
SMALLEST_ML = 3.0  # an empty gallbladder or bladder has a logarithm

# Our quantity → TotalSegmentator structures whose volumes add and whose SUV averages.
_SIDES = ("left", "right")
STRUCTURES_OF: dict[str, tuple[str, ...]] = {
    "liver": ("liver",),
    "spleen": ("spleen",),
    "kidney_left": ("kidney_left",),
    "kidney_right": ("kidney_right",),
    "heart": ("heart",),
    "lung_left": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    "lung_right": (
        "lung_upper_lobe_right",
        "lung_middle_lobe_right",
        "lung_lower_lobe_right",
    ),
    "brain": ("brain",),
    "aorta": ("aorta",),
    "stomach": ("stomach",),
    "pancreas": ("pancreas",),
    "gallbladder": ("gallbladder",),
    "urinary_bladder": ("urinary_bladder",),
    "small_bowel": ("small_bowel", "duodenum"),
    "colon": ("colon",),
    "muscle": ("skeletal_muscle",),
    "subcutaneous_fat": ("subcutaneous_fat",),
    "visceral_fat": ("visceral_fat",),
    "vertebrae": tuple(
        f"vertebrae_{v}"
        for v in [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)]
    ),
    "sacrum": ("sacrum",),
    "pelvis": tuple(f"hip_{s}" for s in _SIDES),
    "femurs": tuple(f"femur_{s}" for s in _SIDES),
    "humeri": tuple(f"humerus_{s}" for s in _SIDES),
    "ribs": tuple(f"rib_{s}_{n}" for s in _SIDES for n in range(1, 13)),
    "sternum": ("sternum",),
    "scapulae": tuple(f"scapula_{s}" for s in _SIDES),
    "clavicles": tuple(f"clavicula_{s}" for s in _SIDES),
    "thyroid": ("thyroid_gland",),
    "spinal_cord": ("spinal_cord",),
}
VOLUMES: tuple[str, ...] = (
    "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left",
    "lung_right", "brain", "aorta", "stomach", "pancreas", "gallbladder",
    "urinary_bladder", "small_bowel", "colon",
)  # fmt: skip
# The scans end near mid-thigh and arms vary: volumes of muscle, fat and bone are cut,
# so only their uptake is fitted.

_BONES = (
    "vertebrae", "sacrum", "pelvis", "femurs", "humeri", "ribs", "sternum",
    "scapulae", "clavicles",
)  # fmt: skip

# Bones with all their parts: the neck's vertebrae, and S1 as the sacrum's.
BONE_PARTS: dict[str, tuple[str, ...]] = {
    **{name: STRUCTURES_OF[name] for name in _BONES},
    "vertebrae": (
        *STRUCTURES_OF["vertebrae"],
        *(f"vertebrae_C{n}" for n in range(1, 8)),
    ),
    "sacrum": ("sacrum", "vertebrae_S1"),
    "skull": ("skull",),
}

# Parts of skeletal muscle that TotalSegmentator names once more.
_MUSCLES = ("autochthon", "gluteus", "iliopsoas")


def measured_people(data: Path) -> tuple[list[Demographics], pd.DataFrame]:
    """Demographics of hedyPET's people and their quantities, row by row.

    Columns are ``volume_ml/liver``, ``suv/liver``, …

    Raises
    ------
    FileNotFoundError
        If ``data`` holds no ``hedypet/subjects.csv`` and ``organs.csv``.
    """
    subjects = pd.read_csv(data / "hedypet" / "subjects.csv").set_index("subject")
    organs = pd.read_csv(data / "hedypet" / "organs.csv")
    people = [
        Demographics(
            str(p["sex"]),
            AGE_BAND_MIDDLE[str(p["age_band"])],
            float(p["height_m"]),
            float(p["bmi_kg_m2"]),
        )
        for _, p in subjects.iterrows()
    ]
    return people, _quantities(organs).loc[subjects.index]


def activity_share(data: Path) -> pd.Series:
    """SUV × volume over the body in the field, over the weight, of each person."""
    subjects = pd.read_csv(data / "hedypet" / "subjects.csv").set_index("subject")
    organs = pd.read_csv(data / "hedypet" / "organs.csv")
    body = organs[organs.source == "ts_body"]
    activity = (body.volume_ml * body.suv_mean).groupby(body.subject).sum()
    return (activity / (1000.0 * subjects.weight_kg)).loc[subjects.index]


def partial_volumes_ml(organs_csv: Path) -> pd.DataFrame:
    """Volumes that the scans cut, one row a person: body, muscle, both fats, bone."""
    organs = pd.read_csv(organs_csv)
    bones = tuple(s for parts in BONE_PARTS.values() for s in parts)
    parts = {
        "body": organs.source == "ts_body",
        "muscle": organs.organ == "skeletal_muscle",
        "subcutaneous_fat": organs.organ == "subcutaneous_fat",
        "visceral_fat": organs.organ == "visceral_fat",
        "bone": organs.organ.isin(bones),
    }
    volumes = {
        name: organs[rows].groupby("subject").volume_ml.sum()
        for name, rows in parts.items()
    }
    subjects = list(dict.fromkeys(organs.subject))
    return pd.DataFrame(volumes).loc[subjects]


def bone_volumes_ml(organs_csv: Path) -> pd.DataFrame:
    """Volumes of ``BONE_PARTS``, one row a person [mL]."""
    organs = pd.read_csv(organs_csv)
    organs = organs[organs.source == "ts_total"]
    volumes = {
        name: organs[organs.organ.isin(parts)].groupby("subject").volume_ml.sum()
        for name, parts in BONE_PARTS.items()
    }
    return pd.DataFrame(volumes).loc[list(dict.fromkeys(organs.subject))]


def _quantities(organs: pd.DataFrame) -> pd.DataFrame:
    named = organs[organs.source.isin(["ts_total", "ts_tissue"])]
    columns = {}
    for name, structures in STRUCTURES_OF.items():
        rows = named[named.organ.isin(structures)]
        activity = (rows.volume_ml * rows.suv_mean).groupby(rows.subject).sum()
        volume = rows.volume_ml.groupby(rows.subject).sum()
        if name in VOLUMES:
            columns[f"volume_ml/{name}"] = volume.clip(lower=SMALLEST_ML)
        columns[f"suv/{name}"] = activity / volume
    columns["suv/other_soft_tissue"] = _other_soft_tissue(organs)
    table = pd.DataFrame(columns)
    return table.fillna(table.median())


def _other_soft_tissue(organs: pd.DataFrame) -> pd.Series:
    """Mean SUV of the body less everything that has a name."""
    body = organs[organs.source == "ts_body"]
    named = organs[organs.source.isin(["ts_total", "ts_tissue"])]
    named = named[~named.organ.str.startswith(_MUSCLES)]

    def total(rows: pd.DataFrame, values: pd.Series) -> pd.Series:
        return values.groupby(rows.subject).sum()

    activity = total(body, body.volume_ml * body.suv_mean)
    activity -= total(named, named.volume_ml * named.suv_mean)
    return activity / (total(body, body.volume_ml) - total(named, named.volume_ml))
