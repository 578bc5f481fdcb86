"""CT Image Storage: HU + 1024 in 12 bits."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from vct.dicom.plane import add_image, slice_dataset
from vct.dicom.records import StudyContext
from vct.dicom.study import add_series, study_dataset
from vct.dicom.uid import StudyUids
from vct.volume import StoredImages

if TYPE_CHECKING:
    from vct.subjects import Subject

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
TITLE = "CT whole body"
# Most of the CTs that the model learned were enhanced; of one that it draws, no one
# decides whether it is.
PORTAL_VENOUS = "SIMULATED, MOSTLY PORTAL-VENOUS"


def ct_shared(
    images: StoredImages, subject: "Subject", study: StudyContext, uids: StudyUids
) -> Dataset:
    """Attributes that all CT slices of a subject share."""
    ds = study_dataset(subject, study, uids)
    add_series(ds, "CT", TITLE, study, uids)
    add_image(ds, images.grid, study)
    ds.SOPClassUID = CT_IMAGE_STORAGE
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    for event in ("Series", "Acquisition", "Content"):
        setattr(ds, f"{event}Date", study.start.strftime("%Y%m%d"))
        setattr(ds, f"{event}Time", study.start.strftime("%H%M%S"))

    if study.portal_venous:
        ds.ContrastBolusAgent = PORTAL_VENOUS
    ds.PatientPosition = "HFS"
    ds.KVP = "120"
    ds.BitsStored = 12
    ds.HighBit = 11
    ds.RescaleIntercept = str(images.CT_OFFSET_HU)
    ds.RescaleSlope = "1"
    ds.RescaleType = "HU"
    ds.WindowCenter = "40"
    ds.WindowWidth = "400"
    return ds


def ct_slices(images: StoredImages, uids: StudyUids) -> Iterator[Dataset]:
    """What distinguishes each CT slice, inferior first."""
    for k, pixels in enumerate(images.ct_stored):
        ds = slice_dataset("CT", k, images.grid, uids)
        ds.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
        yield ds
