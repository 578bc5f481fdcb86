"""The organs vct measures: one list for segmenter, DICOM SEG, tables and report.

Codes are SNOMED CT, as in TotalSegmentator's mapping for DICOM where it has the organ.
A segmenter states the list it was trained on: ``ORGAN_LISTS`` holds those vct knows.
"""

from collections.abc import Iterable
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
    Organ(11, "stomach", ("69695003", "Stomach"), (216, 132, 105)),
    Organ(12, "small_bowel", ("30315005", "Small intestine"), (205, 167, 142)),
    Organ(13, "colon", ("71854001", "Colon"), (204, 168, 143)),
    Organ(14, "bowel_gas", ("74947009", "Gas"), (120, 190, 220)),
    Organ(15, "pancreas", ("15776009", "Pancreas"), (249, 180, 111)),
    Organ(16, "gallbladder", ("28231008", "Gallbladder"), (139, 150, 98)),
    Organ(17, "thyroid", ("69748006", "Thyroid gland"), (62, 162, 114)),
    Organ(18, "prostate", ("41216001", "Prostate"), (230, 158, 140)),
    Organ(19, "airway", ("110726009", "Trachea and bronchus"), (182, 228, 255)),
    Organ(20, "other_vessels", ("59820001", "Blood vessel"), (0, 151, 206)),
    Organ(21, "vertebrae", ("421060004", "Vertebral column"), (226, 202, 134)),
    Organ(22, "sacrum", ("54735007", "Sacrum"), (212, 188, 102)),
    # To SNOMED CT the hip is a region, not the hip bone; TotalSegmentator's mapping has
    # this code for the bone, and readers of its files look for it.
    Organ(23, "hips", ("29836001", "Hip"), (190, 180, 90)),
    Organ(24, "femurs", ("71341001", "Femur"), (248, 212, 62)),
    Organ(25, "ribs", ("113197003", "Rib"), (253, 232, 158)),
    Organ(26, "sternum", ("56873002", "Sternum"), (244, 217, 154)),
    Organ(27, "skull", ("89546000", "Skull"), (241, 213, 144)),
    Organ(28, "scapulae", ("79601000", "Scapula"), (212, 188, 140)),
    Organ(29, "clavicles", ("51299004", "Clavicle"), (205, 179, 108)),
    Organ(30, "humeri", ("85050009", "Humerus"), (205, 205, 100)),
    Organ(31, "psoas_muscle", ("68455001", "Iliopsoas muscle"), (171, 85, 68)),
    Organ(32, "gluteal_muscle", ("102291007", "Gluteal muscle"), (192, 104, 88)),
    Organ(33, "paraspinal_muscle", ("244849004", "Deep muscle of back"),
          (178, 94, 42)),
    Organ(34, "other_muscle", ("127954009", "Skeletal muscle"), (200, 120, 100)),
    Organ(35, "subcutaneous_fat", ("67769002", "Subcutaneous fatty tissue"),
          (230, 220, 70)),
    # All fat inside the trunk wall, so that a code of the abdomen's would not fit: that
    # of TotalSegmentator's torso_fat. Its region, the trunk, is in ``vct.dicom.seg``.
    Organ(36, "visceral_fat", ("55603005", "Fat"), (245, 240, 150)),
    Organ(37, "other_soft_tissue", ("87784001", "Soft tissue"), (177, 122, 101)),
)  # fmt: skip

ORGAN_NAMES: tuple[str, ...] = tuple(organ.name for organ in ORGANS)

# What the tables and the report call by one name: sums of labels.
ORGAN_GROUPS: dict[str, tuple[str, ...]] = {
    "kidneys": ("kidney_left", "kidney_right"),
    "lungs": ("lung_left", "lung_right"),
    "bowel": ("small_bowel", "colon", "bowel_gas"),
    "spine": ("vertebrae", "sacrum"),
    "bone": (
        "vertebrae", "sacrum", "hips", "femurs", "ribs", "sternum", "skull",
        "scapulae", "clavicles", "humeri",
    ),
    "muscle": (
        "psoas_muscle", "gluteal_muscle", "paraspinal_muscle", "other_muscle",
    ),
}  # fmt: skip

# Version 0.1 of the bundled models did not tell these apart. Their voxel values lie
# beyond those of ``ORGANS``, so that no voxel is ever read by the wrong list.
_FIRST_ONLY: tuple[Organ, ...] = (
    Organ(101, "bowel", ("113276009", "Intestine"), (255, 167, 142)),
    Organ(102, "spine", ("421060004", "Vertebral column"), (226, 202, 134)),
    Organ(103, "other_bone", ("272673000", "Bone"), (241, 214, 145)),
    Organ(104, "muscle", ("127954009", "Skeletal muscle"), (192, 104, 88)),
)


@dataclass(frozen=True)
class OrganList:
    """What one kind of segmenter tells apart, in the order of its classes."""

    organs: tuple[Organ, ...]
    groups: dict[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the organs, in the order of the classes."""
        return tuple(organ.name for organ in self.organs)

    @property
    def rows(self) -> tuple[str, ...]:
        """What is measured: organs, groups of organs, and the body."""
        return (*self.names, *self.groups, "body")

    def parts(self, row: str) -> tuple[str, ...]:
        """The organs that a row of the tables sums up."""
        return self.names if row == "body" else self.groups.get(row, (row,))


CURRENT_LIST = OrganList(ORGANS, ORGAN_GROUPS)
_BY_NAME = {organ.name: organ for organ in (*_FIRST_ONLY, *ORGANS)}
FIRST_LIST = OrganList(
    tuple(
        _BY_NAME[name]
        for name in (
            "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left",
            "lung_right", "brain", "aorta", "urinary_bladder", "bowel", "spine",
            "other_bone", "muscle", "subcutaneous_fat", "visceral_fat",
            "other_soft_tissue",
        )
    ),
    {
        "kidneys": ("kidney_left", "kidney_right"),
        "lungs": ("lung_left", "lung_right"),
        "bone": ("spine", "other_bone"),
    },
)  # fmt: skip
ORGAN_LISTS: tuple[OrganList, ...] = (CURRENT_LIST, FIRST_LIST)

LABEL_OF = {name: organ.label for name, organ in _BY_NAME.items()}


def part_list(names: Iterable[str]) -> OrganList:
    """The list of some organs only, with the groups whose parts are all among them.

    Parameters
    ----------
    names
        Names of ``LABEL_OF``, in any order.
    """
    chosen = set(names)
    organs = sorted((_BY_NAME[name] for name in chosen), key=lambda organ: organ.label)
    groups = {
        group: parts
        for group, parts in ORGAN_GROUPS.items()
        if chosen.issuperset(parts) and group not in chosen
    }
    return OrganList(tuple(organs), groups)
