"""Segmentation Storage, BINARY: one segment per organ that the segmenter tells apart.

Segments are numbered as in the segmenter's list of ``vct.anatomy``; an organ that is
absent is a segment without frames.
"""

from collections.abc import Sequence as Items
from datetime import datetime

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

from vct.anatomy import CURRENT_LIST, FIRST_LIST, Organ
from vct.dicom.names import long_string
from vct.dicom.records import StudyContext
from vct.dicom.study import (
    SERIES_NUMBER,
    add_series,
    image_comments,
    synthesizing_equipment,
)
from vct.dicom.uid import StudyUids

TITLE = "Organ segmentation"
# CID 7150 now has 91723000 for it; this older code is the one of TotalSegmentator's
# mapping and of the tools that read it.
_STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")
_TISSUE = Code("85756007", "SCT", "Tissue")
_CATEGORY = {
    "muscle": _TISSUE,
    "other_muscle": _TISSUE,
    "subcutaneous_fat": _TISSUE,
    "visceral_fat": _TISSUE,
    "other_soft_tissue": _TISSUE,
    "bowel_gas": Code("105590001", "SCT", "Substance"),
}
_REGION = {"visceral_fat": Code("22943007", "SCT", "Trunk")}
_SIDE = {"L": Code("7771000", "SCT", "Left"), "R": Code("24028007", "SCT", "Right")}


def organ_segmentation(
    sources: Items[Dataset],
    labels: np.ndarray,
    study: StudyContext,
    uids: StudyUids,
    at: datetime,
) -> Dataset:
    """Segmentation of the bundled segmenter, referring to the CT it was made on.

    Parameters
    ----------
    sources
        CT datasets, inferior first; pixels are not needed.
    labels
        uint8, k j i, one slice per source, ``vct.anatomy`` labels.
    at
        Time of all events in the object.
    """
    scanner = study.protocol.scanner
    organs = organs_in(labels)
    ds = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=_segment_numbers(labels, organs),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(number, organ, study, uids)
            for number, organ in enumerate(organs, start=1)
        ],
        series_instance_uid=uids.series("SEG"),
        series_number=SERIES_NUMBER["SEG"],
        sop_instance_uid=uids.instance("SEG", 1),
        instance_number=1,
        manufacturer=long_string(scanner.manufacturer),
        manufacturer_model_name=long_string(scanner.model_name),
        software_versions=long_string(f"vct {study.software_version}"),
        device_serial_number="1",
        content_description="Organs found by the bundled segmenter on the CT",
        content_label="ORGANS",
        content_creator_name="VCT^Segmenter",
    )
    add_series(ds, "SEG", TITLE, study, uids)
    ds.SyntheticData = "YES"
    ds.ImageComments = image_comments(study)
    ds["PixelData"].VR = "OB"
    _remove_the_clock(ds, study, uids, at)
    return ds


def organs_in(labels: np.ndarray) -> tuple[Organ, ...]:
    """The organ list that a segmentation was made with.

    Labels of two lists share their organs' values only: one voxel of an organ that the
    current list does not have says that the first list is meant.
    """
    beyond = max(organ.label for organ in CURRENT_LIST.organs)
    return FIRST_LIST.organs if labels.max() > beyond else CURRENT_LIST.organs


def _segment_numbers(labels: np.ndarray, organs: Items[Organ]) -> np.ndarray:
    """Labels as positions in a list, from 1."""
    number_of = np.zeros(256, np.uint8)
    for number, organ in enumerate(organs, start=1):
        number_of[organ.label] = number
    return number_of[labels]


def _description(
    number: int, organ: Organ, study: StudyContext, uids: StudyUids
) -> hd.seg.SegmentDescription:
    """Name, codes and color of one organ."""
    code, meaning = organ.snomed
    region = _REGION.get(organ.name)
    item = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=organ.name,
        segmented_property_category=_CATEGORY.get(organ.name, _STRUCTURE),
        segmented_property_type=Code(code, "SCT", meaning),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="vct segmenter",
            family=Code("123110", "DCM", "Artificial Intelligence"),
            version=long_string(f"{study.model_name} {study.model_version}"),
        ),
        tracking_uid=uids.other("segment", organ.name),
        tracking_id=organ.name,
        anatomic_regions=[region] if region else None,
        display_color=hd.color.CIELabColor.from_rgb(*organ.color),
    )
    if organ.laterality:
        side = hd.sr.CodedConcept.from_code(_SIDE[organ.laterality])
        kind = item.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = Sequence([side])
    return item


def _remove_the_clock(
    ds: Dataset, study: StudyContext, uids: StudyUids, at: datetime
) -> None:
    """Replace what highdicom draws from the clock or at random."""
    for event in ("InstanceCreation", "Series", "Content"):
        setattr(ds, f"{event}Date", at.strftime("%Y%m%d"))
        setattr(ds, f"{event}Time", at.strftime("%H%M%S"))
    ds.ContributingEquipmentSequence = Sequence([synthesizing_equipment(study)])
    organization = uids.other("dimension organization")
    ds.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    for item in ds.DimensionIndexSequence:
        item.DimensionOrganizationUID = organization
