"""Segmentation Storage, BINARY: one segment per organ of ``vct.anatomy``.

Segment number equals label; an organ that is absent is a segment without frames.
"""

from collections.abc import Sequence as Items
from datetime import datetime

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

from vct.anatomy import ORGANS, Organ
from vct.dicom.records import StudyContext
from vct.dicom.study import (
    SERIES_NUMBER,
    add_series,
    image_comments,
    long_string,
    synthesizing_equipment,
)
from vct.dicom.uid import StudyUids

TITLE = "Organ segmentation"
_TISSUE = ("muscle", "subcutaneous_fat", "visceral_fat", "other_soft_tissue")
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
        uint8, k j i, one slice per source.
    at
        Time of all events in the object.
    """
    scanner = study.protocol.scanner
    ds = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=labels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(o, study, uids) for o in ORGANS],
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


def _description(
    organ: Organ, study: StudyContext, uids: StudyUids
) -> hd.seg.SegmentDescription:
    """Name, codes and color of one organ."""
    category = (
        Code("85756007", "SCT", "Tissue")
        if organ.name in _TISSUE
        else Code("123037004", "SCT", "Anatomical Structure")
    )
    code, meaning = organ.snomed
    item = hd.seg.SegmentDescription(
        segment_number=organ.label,
        segment_label=organ.name,
        segmented_property_category=category,
        segmented_property_type=Code(code, "SCT", meaning),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="vct segmenter",
            family=Code("123110", "DCM", "Artificial Intelligence"),
            version=long_string(f"{study.model_name} {study.model_version}"),
        ),
        tracking_uid=uids.other("segment", organ.name),
        tracking_id=organ.name,
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
