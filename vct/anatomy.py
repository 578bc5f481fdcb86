"""The organs vct measures: one list for segmenter, DICOM SEG, tables and report.

Codes are SNOMED CT, as in the TotalSegmentator and highdicom dictionaries.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Organ:
    """One label of the segmentation.

    ``label`` is the voxel value, ``snomed`` its (code, meaning), ``color`` sRGB.
    """

    label: int
    name: str
    snomed: tuple[str, str]
    color: tuple[int, int, int]
    laterality: str | None = None


ORGANS: tuple[Organ, ...] = (
    Organ(1, "liver", ("10200004", "Liver"), (221, 130, 101)),
    Organ(2, "spleen", ("78961009", "Spleen"), (157, 108, 162)),
    Organ(3, "kidney_left", ("64033007", "Kidney"), (212, 126, 151), "L"),
    Organ(4, "kidney_right", ("64033007", "Kidney"), (185, 102, 83), "R"),
    Organ(5, "heart", ("80891009", "Heart"), (206, 110, 84)),
    Organ(6, "lung_left", ("39607008", "Lung"), (172, 138, 115), "L"),
    Organ(7, "lung_right", ("39607008", "Lung"), (197, 165, 145), "R"),
    Organ(8, "brain", ("12738006", "Brain"), (250, 250, 225)),
    Organ(9, "aorta", ("15825003", "Aorta"), (224, 97, 76)),
    Organ(10, "urinary_bladder", ("89837001", "Urinary bladder"), (222, 154, 132)),
    Organ(11, "bowel", ("113276009", "Intestine"), (255, 167, 142)),
    Organ(12, "spine", ("421060004", "Vertebral column"), (226, 202, 134)),
    Organ(13, "other_bone", ("272673000", "Bone"), (241, 214, 145)),
    Organ(14, "muscle", ("127954009", "Skeletal muscle"), (192, 104, 88)),
    Organ(15, "subcutaneous_fat", ("67769005", "Subcutaneous adipose tissue"),
          (230, 220, 70)),
    Organ(16, "visceral_fat", ("725274000", "Visceral adipose tissue"),
          (245, 240, 150)),
    Organ(17, "other_soft_tissue", ("87784001", "Soft tissue"), (177, 122, 101)),
)  # fmt: skip

LABEL_OF = {organ.name: organ.label for organ in ORGANS}

# What the tables and the report call by one name: sums of labels.
ORGAN_GROUPS: dict[str, tuple[str, ...]] = {
    "kidneys": ("kidney_left", "kidney_right"),
    "lungs": ("lung_left", "lung_right"),
    "bone": ("spine", "other_bone"),
}
