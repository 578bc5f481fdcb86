"""Image Plane and Image Pixel attributes, the same for CT and PET slices."""

from pydicom.dataset import Dataset

from vct.dicom.records import Modality, StudyContext
from vct.dicom.study import decimal_string, image_comments
from vct.dicom.uid import StudyUids
from vct.grid import Grid


def add_image(ds: Dataset, grid: Grid, study: StudyContext) -> None:
    """Attributes that all slices of a series share."""
    n_slices, rows, columns = grid.shape
    dz, dy, dx = grid.spacing_mm
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.PixelSpacing = [decimal_string(dy), decimal_string(dx)]
    ds.SliceThickness = decimal_string(dz)
    ds.AcquisitionNumber = 1
    ds.ImagesInAcquisition = n_slices
    ds.ImageComments = image_comments(study)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"

    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = rows
    ds.Columns = columns
    ds.BitsAllocated = 16
    ds.PixelRepresentation = 0


def slice_dataset(modality: Modality, k: int, grid: Grid, uids: StudyUids) -> Dataset:
    """Identity and place of slice k; instance 1 is the most inferior."""
    z, y, x = grid.centers_mm(0)[k], grid.origin_mm[1], grid.origin_mm[2]
    position = [decimal_string(round(float(v), 6)) for v in (x, y, z)]
    ds = Dataset()
    ds.SOPInstanceUID = uids.instance(modality, k + 1)
    ds.InstanceNumber = k + 1
    ds.ImagePositionPatient = position
    ds.SliceLocation = position[2]
    return ds
