"""An archive as large as a class: phantoms as AutoPET holds patients, three layouts.

One scan each is GE-like, Philips-like, defaced, truncated, there twice, without CT, and
in units that tell no SUV: see ``FAULTS``. What was scanned is known: see ``Patient``.
"""

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np
import torch
from pydicom.dataset import Dataset

from tests.autopet.dialects import counts_suv_factor, ge_private_time
from tests.autopet.scans import (
    CT_CLASS,
    PetScan,
    image_slice,
    save,
    set_pixels,
    set_value,
)
from tests.autopet.trees import STUDY, clinical_row, clinical_table, study_folder
from vct.grid import Grid, whole_body_grid
from vct.phantom.population import draw_anatomy
from vct.phantom.render import render
from vct.phantom.structures import to_organs
from vct.seeds import generator, torch_seed
from vct.training.people import Person, draw_person

SPACING_MM = (8.0, 8.0, 8.0)
# Which patient has which fault; the others have none.
FAULTS = {
    0: "GE-like", 1: "Philips-like", 2: "defaced", 3: "truncated", 4: "twice",
    5: "no CT", 6: "wrong units",
}  # fmt: skip
UNUSABLE = frozenset({"truncated", "no CT", "wrong units"})
DIAGNOSES = ("NEGATIVE", "MELANOMA", "LYMPHOMA", "LUNG_CANCER")


@dataclass(frozen=True)
class Patient:
    """One patient and the one scan of him or her.

    ``ct_hu``, ``suv`` and ``labels`` (of ``vct.anatomy``) lie on ``grid``, in the frame
    of the scanner; the lung top is at ``lung_top_mm`` (z, and the field's middle y, x).
    """

    number: int
    person: Person
    ct_hu: np.ndarray
    suv: np.ndarray
    labels: np.ndarray
    grid: Grid
    lung_top_mm: tuple[float, float, float]

    @property
    def subject(self) -> str:
        """As in the TCIA tree."""
        return f"PETCT_{0xA0 + self.number:010x}"

    @property
    def study(self) -> str:
        """The name of the study's folder."""
        return STUDY.format(self.number + 1)

    @property
    def fault(self) -> str:
        return FAULTS.get(self.number, "")

    @property
    def usable(self) -> bool:
        return self.fault not in UNUSABLE

    @property
    def age(self) -> str:
        """As DICOM writes it."""
        return f"{int(self.person.age_years):03d}Y"


def patients(
    count: int = 24,
    *,
    seed: int = 11,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
) -> list[Patient]:
    """Phantoms on scanner couches at heights and places of their own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small volumes: more threads only wait for each other
    try:
        return [_patient(number, seed, spacing_mm) for number in range(count)]
    finally:
        torch.set_num_threads(threads)


def _patient(number: int, seed: int, spacing_mm: tuple[float, float, float]) -> Patient:
    person = draw_person(generator(seed, "archive/person", number))
    rng = generator(seed, "archive/scan", number)
    noise = torch.Generator().manual_seed(torch_seed(seed, "archive/image", number))
    anatomy = draw_anatomy(person, generator(seed, "archive/anatomy", number))
    field = _field(spacing_mm)
    phantom = render(anatomy, field, generator=noise)
    # The scan starts somewhere on the thighs.
    low = int(rng.integers(0, 12) * 8 / spacing_mm[0])
    place = (rng.uniform(-900, -200), rng.uniform(-30, 30), rng.uniform(-12, 12))
    z, y, x = (o + p for o, p in zip(field.origin_mm, place, strict=True))
    k, j, i = field.shape
    grid = Grid((k - low, j, i), field.spacing_mm, (z + low * spacing_mm[0], y, x))
    suv = phantom.suv.numpy()[low:]
    labels = to_organs(phantom.labels).numpy()[low:]
    ct_hu = _with_couch(phantom.ct_hu.numpy()[low:], labels)
    if FAULTS.get(number) == "defaced":
        ct_hu, suv = _defaced(ct_hu, suv, grid, place[0])
    return Patient(number, person, ct_hu, suv, labels, grid, place)


def _field(spacing_mm: tuple[float, float, float]) -> Grid:
    """The whole field in voxels of any size that divides it."""
    fine = whole_body_grid(1.0)
    shape = tuple(round(f / s) for f, s in zip(fine.fov_mm, spacing_mm, strict=True))
    origin = tuple(
        o + (s - 1) / 2 for o, s in zip(fine.origin_mm, spacing_mm, strict=True)
    )
    return Grid(shape, spacing_mm, origin)  # type: ignore[arg-type]


def _with_couch(ct_hu: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A couch of one voxel two voxels below the back."""
    ct_hu = np.rint(ct_hu).copy()
    back = int(np.nonzero(labels.any(axis=(0, 2)))[0].max())
    j = min(back + 2, ct_hu.shape[1] - 1)
    middle = ct_hu.shape[2] // 2
    ct_hu[:, j, middle - 24 : middle + 24] = 20.0
    return ct_hu


def _defaced(
    ct_hu: np.ndarray, suv: np.ndarray, grid: Grid, lung_top_z_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Without what lies more than 130 mm above the lung top, in front."""
    ct_hu, suv = ct_hu.copy(), suv.copy()
    above = grid.centers_mm(0) > lung_top_z_mm + 130.0
    front = slice(None, grid.shape[1] // 2)
    ct_hu[above, front], suv[above, front] = -1024.0, 0.0
    return ct_hu, suv


def dicom_archive(root: Path, people: Sequence[Patient]) -> Path:
    """The TCIA tree with its clinical metadata."""
    for patient in people:
        folder = study_folder(root, patient.subject, patient.number + 1)
        pet = _pet_scan(patient).write(folder / "4.000000-PET corr.-12345")
        if patient.fault != "no CT":
            _write_ct(folder / "2.000000-GK p.v.3-12345", patient)
        if patient.fault == "truncated":
            cut = sorted(pet.iterdir())[20]
            cut.write_bytes(cut.read_bytes()[:-2000])
        if patient.fault == "twice":
            again = root / "again" / folder.relative_to(root)
            shutil.copytree(folder, again)
    clinical_table(root / "clinical_metadata.csv", [_clinical(p) for p in people])
    return root


def nifti_archive(root: Path, people: Sequence[Patient]) -> Path:
    """The official conversion, with a table of heights and weights."""
    for patient in people:
        folder = study_folder(root, patient.subject, patient.number + 1)
        _write_pair(patient, folder / "CT.nii.gz", folder / "SUV.nii.gz")
        if patient.fault == "twice":
            again = root / "again" / folder.relative_to(root)
            shutil.copytree(folder, again)
    demographics_table(root / "people.csv", people)
    return root


def challenge_archive(root: Path, people: Sequence[Patient]) -> Path:
    """The challenge's cases, with a table of ages and sexes only."""
    images = root / "imagesTr"
    for patient in people:
        case = f"fdg_{patient.subject.removeprefix('PETCT_')}_{patient.study}"
        _write_pair(
            patient, images / f"{case}_0000.nii.gz", images / f"{case}_0001.nii.gz"
        )
        if patient.fault == "twice":
            again = root / "again" / "imagesTr"
            again.mkdir(parents=True)
            for path in images.glob(f"{case}_*"):
                shutil.copy(path, again)
    clinical_table(root / "fdg_metadata.csv", [_clinical(p) for p in people])
    return root


LAYOUTS = {
    "dicom": dicom_archive, "nifti": nifti_archive, "nnunet": challenge_archive,
}  # fmt: skip


def demographics_table(path: Path, people: Sequence[Patient]) -> Path:
    """What ``--demographics`` takes."""
    rows = [
        {
            "subject_id": patient.subject,
            "age_years": int(patient.person.age_years),
            "sex": patient.person.sex,
            "height_m": f"{patient.person.height_m:.2f}",
            "weight_kg": f"{patient.person.weight_kg:.1f}",
            "diagnosis": _diagnosis(patient),
        }
        for patient in people
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_masks(folder: Path, names: dict[str, Patient]) -> Path:
    """Label images of studies in the scanner's frame, numbers of ``vct.anatomy``."""
    for name, patient in names.items():
        save_volume(patient.labels, patient.grid, folder / f"{name}.nii.gz")
    return folder


def save_volume(array_kji: np.ndarray, grid: Grid, path: Path) -> Path:
    """Write an array on an LPS grid as NIfTI, RAS+ and i j k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([*reversed(grid.spacing_mm), 1.0])
    high_y, high_x = (float(grid.centers_mm(axis)[-1]) for axis in (1, 2))
    affine[:3, 3] = -high_x, -high_y, grid.origin_mm[0]
    ras = array_kji.transpose(2, 1, 0)[::-1, ::-1]
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(ras), affine), path)  # type: ignore[attr-defined]
    return path


def _pet_scan(patient: Patient) -> PetScan:
    dialect = {"GE-like": ge_private_time, "Philips-like": counts_suv_factor}
    scan = dialect.get(patient.fault, PetScan)()
    person, slices = patient.person, len(patient.suv)
    return replace(
        scan,
        weight_kg=round(person.weight_kg, 1),
        height_m=round(person.height_m, 2),
        sex=person.sex,
        dose_bq=4e6 * person.weight_kg,
        subject=patient.subject,
        study=str(patient.number + 1),
        units="PROPCPS" if patient.fault == "wrong units" else scan.units,
        bed_delay_s=(0.0,) * slices,
        suv=patient.suv,
        suv_per_step=float(patient.suv.max()) / 32000.0,
        changes=[
            *scan.changes,
            set_value("PatientAge", patient.age),
            lambda ds, k: _place(ds, patient.grid, k),
        ],
    )


def _write_ct(folder: Path, patient: Patient) -> None:
    folder.mkdir(parents=True)
    for k, hu in enumerate(patient.ct_hu):
        ds = image_slice(
            CT_CLASS, "CT", patient.subject, str(patient.number + 1), "1.1", k
        )
        ds.PatientAge, ds.PatientSex = patient.age, patient.person.sex
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = "1", "-1024", "HU"
        set_pixels(ds, (hu + 1024).astype(np.int16))
        _place(ds, patient.grid, k)
        save(ds, folder / f"{k:03d}.dcm")


def _place(ds: Dataset, grid: Grid, k: int) -> None:
    z, y, x = grid.origin_mm
    dz, dy, dx = grid.spacing_mm
    ds.Rows, ds.Columns = grid.shape[1:]
    ds.PixelSpacing, ds.SliceThickness = [f"{dy:g}", f"{dx:g}"], f"{dz:g}"
    ds.ImagePositionPatient = [f"{x:.4f}", f"{y:.4f}", f"{z + k * dz:.4f}"]


def _write_pair(patient: Patient, ct: Path, suv: Path) -> None:
    scale = 5000.0 if patient.fault == "wrong units" else 1.0
    save_volume((scale * patient.suv).astype(np.float32), patient.grid, suv)
    if patient.fault != "no CT":
        save_volume(patient.ct_hu.astype(np.int16), patient.grid, ct)
    if patient.fault == "truncated":
        suv.write_bytes(suv.read_bytes()[:-5000])


def _clinical(patient: Patient) -> dict[str, str]:
    row = clinical_row(
        patient.subject, patient.number + 1, patient.age, patient.person.sex
    )
    return {**row, "diagnosis": _diagnosis(patient)}


def _diagnosis(patient: Patient) -> str:
    return DIAGNOSES[patient.number % len(DIAGNOSES)]
