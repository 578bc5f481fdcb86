"""One AutoPET study: a CT and a PET of one person, whatever the layout on disk."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vct.autopet.demographics import Demographics
from vct.autopet.dicom_series import Series
from vct.autopet.nifti import NiftiImage
from vct.autopet.refusal import Problem, ScanError
from vct.autopet.suv import SuvScaling
from vct.grid import Grid
from vct.volume import Volume

Layout = Literal["dicom", "nifti", "nnunet"]
Image = Series | NiftiImage

_LEAST_OVERLAP = 0.5  # of the PET's extent, along each axis


@dataclass(frozen=True)
class Study:
    """A study that can be read.

    Attributes
    ----------
    study_id
        Subject and study folder, or the case of the challenge; one per study.
    subject_id
        As the layout spells it; ``demographics.subject_key`` compares subjects.
    tracer
        ``FDG`` or ``PSMA``.
    ct, pet
        Checked by their headers; ``read`` reads the voxels.
    ct_on_pet_grid
        Whether the CT was resampled to the PET.
    lesions
        Lesion mask beside them: a NIfTI file, or a DICOM SEG.
    notes
        What was assumed or is not known.
    """

    study_id: str
    subject_id: str
    layout: Layout
    path: Path
    tracer: str
    ct: Image = field(repr=False)
    pet: Image = field(repr=False)
    demographics: Demographics
    ct_on_pet_grid: bool = False
    lesions: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def injected_mbq(self) -> float | None:
        """Injected activity [MBq], where a DICOM header tells it."""
        return self._suv.injected_mbq if self._suv else None

    @property
    def uptake_min(self) -> float | None:
        """Injection to scan [min], where a DICOM header tells it."""
        return self._suv.uptake_min if self._suv else None

    @property
    def _suv(self) -> SuvScaling | None:
        return self.pet.suv if isinstance(self.pet, Series) else None

    def read(self) -> tuple[Volume, Volume]:
        """Read both images.

        Returns
        -------
        tuple
            CT [HU] and PET [SUV], float32, k j i, inferior first, LPS, each on its own
            grid.

        Raises
        ------
        ScanError
            If voxels are missing, or are not what their file says.
        """
        ct = self.ct.read()
        check_voxels(ct)
        return ct, self.read_pet()

    def read_padded_ct(self) -> Volume:
        """Read the CT alone: int16, with padding below -1024 HU told from air."""
        ct = self.ct.read_padded()
        check_voxels(ct)
        return ct

    def read_pet(self) -> Volume:
        """Read the PET alone, as ``read``."""
        pet = self.pet.read()
        check_voxels(pet)
        return pet


@dataclass(frozen=True)
class SeriesLine:
    """One image found in a study, usable or not, as ``inspect`` shows it."""

    path: Path
    modality: str
    shape: tuple[int, ...]
    what: str
    image: Image | None = field(default=None, repr=False)


@dataclass(frozen=True)
class StudyReport:
    """What was found of one study.

    Attributes
    ----------
    study
        None if it is not usable.
    reasons
        Why not.
    notes
        What was assumed or is not known, of a usable study too.
    problems
        Files that were left out.
    series
        The images.
    """

    study_id: str
    path: Path
    layout: Layout
    study: Study | None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    series: tuple[SeriesLine, ...] = field(default=(), repr=False)


def check_voxels(volume: Volume) -> None:
    """Voxels that cannot be what their file says are refused.

    Raises
    ------
    ScanError
        If values are not finite, a CT holds no air, or a PET is empty or far beyond
        SUV.
    """
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if not (low > -1e9 and high < 1e9):
        raise ScanError(f"the {volume.quantity} image holds values that are not finite")
    if volume.quantity == "HU" and low > -200.0:
        raise ScanError(f"the CT's lowest value is {low:g} HU: it holds no air")
    if volume.quantity == "SUV" and not high > 0.0:
        raise ScanError("the PET holds nothing above 0")
    if volume.quantity == "SUV" and high > 5e3:
        raise ScanError(f"the PET's highest SUV is {high:g}: Bq/mL, not SUV?")


def check_overlap(ct: Grid, pet: Grid) -> None:
    """CT and PET show the same part of the body.

    Raises
    ------
    ScanError
        If the CT covers less than half of the PET along an axis.
    """
    for axis, name in enumerate(("z", "y", "x")):
        (low, high), (ct_low, ct_high) = _extent(pet, axis), _extent(ct, axis)
        covered = min(high, ct_high) - max(low, ct_low)
        # In plane a CT's circle is narrower than a PET's; the body lies within both.
        least = _LEAST_OVERLAP if axis == 0 else _LEAST_OVERLAP / 2
        if covered < least * (high - low):
            raise ScanError(
                f"along {name} the CT covers {max(0.0, covered):.0f} mm of the PET's "
                f"{high - low:.0f} mm"
            )


def _extent(grid: Grid, axis: int) -> tuple[float, float]:
    low = grid.origin_mm[axis] - grid.spacing_mm[axis] / 2
    return low, low + grid.shape[axis] * grid.spacing_mm[axis]
