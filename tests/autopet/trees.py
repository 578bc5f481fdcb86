"""Tiny copies of AutoPET in its three layouts."""

import csv
from pathlib import Path

import nibabel
import numpy as np

from tests.autopet.scans import (
    PetScan,
    ct_datasets,
    ct_truth,
    set_value,
    suv_truth,
    write_ct,
)

STUDY = "01-01-2025-NA-PET-CT Ganzkoerper  primaer mit KM-{:05d}"


def study_folder(root: Path, subject: str, number: int) -> Path:
    """Where the TCIA download puts a study."""
    return root / "FDG-PET-CT-Lesions" / subject / STUDY.format(number)


def dicom_tree(root: Path, subjects: list[str]) -> list[Path]:
    """One study per name, PT and CT, as the TCIA download lays them."""
    folders = []
    for number, subject in enumerate(subjects, start=1):
        folder = study_folder(root, subject, number)
        scan = PetScan(subject=subject, study=str(number), weight_kg=60.0 + number)
        scan.changes.append(set_value("PatientAge", f"{50 + number:03d}Y"))
        scan.write(folder / "4.000000-PET corr.-12345")
        slices = ct_datasets(subject=subject, study=str(number))
        for ds in slices:
            ds.PatientAge = f"{50 + number:03d}Y"
        write_ct(folder / "2.000000-GK p.v.3-12345", slices)
        folders.append(folder)
    return folders


def clinical_table(path: Path, rows: list[dict[str, str]]) -> Path:
    """A CSV such as the collection's clinical metadata."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def clinical_row(subject: str, number: int, age: str = "063Y", sex: str = "F") -> dict:  # type: ignore[type-arg]
    """One series of the clinical metadata, with the columns that matter."""
    place = f"./FDG-PET-CT-Lesions/{subject}/{STUDY.format(number)}/2.0-GK-1"
    return {
        "Series UID": f"1.2.{number}",
        "Subject ID": subject,
        "File Location": place,
        "diagnosis": "MELANOMA",
        "age": age,
        "sex": sex,
    }


def save_nifti(array_kji: np.ndarray, path: Path, spacing: float = 4.0) -> Path:
    """Write an array in LPS, k j i, as dicom2nifti does: RAS+, i j k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ras = array_kji.transpose(2, 1, 0)[::-1, ::-1]
    affine = np.diag([6.0, 5.0, spacing, 1.0])
    affine[:3, 3] = -30.0, -20.0, -6.0
    nibabel.save(nibabel.Nifti1Image(ras.astype(np.float32), affine), path)  # type: ignore[attr-defined]
    return path


def nifti_study(root: Path, subject: str, number: int) -> Path:
    """A study of the official conversion."""
    folder = study_folder(root, subject, number)
    for name in ("CT", "CTres"):
        save_nifti(ct_truth(), folder / f"{name}.nii.gz")
    for name in ("PET", "SUV"):
        scale = 5000.0 if name == "PET" else 1.0
        save_nifti(scale * suv_truth(), folder / f"{name}.nii.gz")
    save_nifti(suv_truth() > 3, folder / "SEG.nii.gz")
    return folder


def challenge_case(root: Path, case: str) -> None:
    """A case of the challenge."""
    save_nifti(ct_truth(), root / "imagesTr" / f"{case}_0000.nii.gz")
    save_nifti(suv_truth(), root / "imagesTr" / f"{case}_0001.nii.gz")
    save_nifti(suv_truth() > 3, root / "labelsTr" / f"{case}.nii.gz")
