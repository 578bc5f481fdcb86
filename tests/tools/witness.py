"""Independent readers of a written subject, each asked whether it sees what we wrote.

``witness_subject(folder, images, subject)`` takes any subject on disk with the integers
it was written from.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from tests.tools.oracle import suv_of
from vct.volume import StoredImages

HERE = Path(__file__).parent
UNKNOWN_TAG = "(0x0008,0x001c)"  # Synthetic Data: newer than dicom3tools
CALCULATE_SUV = "@cornerstonejs/calculate-suv"


@dataclass(frozen=True)
class Case:
    """A subject on disk, the integers it was written from, and room to work in."""

    folder: Path
    images: StoredImages
    subject: Any
    work: Path

    def files(self, modality: str) -> list[Path]:
        return sorted((self.folder / modality).glob("*.dcm"))

    def assert_suv(self, suv: np.ndarray) -> None:
        """Within half a stored step everywhere; in fact much closer."""
        step = self.images.pet_suv_per_step[:, None, None]
        truth = self.images.pet_stored * step
        assert suv.shape == truth.shape
        assert (np.abs(suv - truth) <= 0.5 * step).all()
        # Single precision in between is all a reader may lose.
        np.testing.assert_allclose(suv, truth, rtol=1e-6, atol=0)

    @property
    def bq_ml_per_suv(self) -> float:
        return 1.0 / suv_of(self.folder / "PT").factor


def run(*command: str | Path, stdin: str | None = None, **kwargs: Any) -> str:
    """Standard output and standard error of a program that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **kwargs,
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}"
    return done.stdout


def dciodvfy(case: Case) -> None:
    """No error in any file, but for the one tag that it does not know."""
    for modality in ("CT", "PT", "SEG"):
        for path in case.files(modality):
            done = subprocess.run(
                ["dciodvfy", path], capture_output=True, text=True, errors="replace"
            )
            lines = (done.stdout + done.stderr).splitlines()
            errors = [x for x in lines if "Error" in x and UNKNOWN_TAG not in x]
            assert not errors, f"{path}: {errors}"


def dcentvfy(case: Case) -> None:
    """Patient, study, series and frame of reference agree over all files."""
    files = [p for m in ("CT", "PT", "SEG") for p in case.files(m)]
    assert run("dcentvfy", *files).strip() == ""


def qiba_oracle(case: Case) -> None:
    """The pseudo-code of QIBA finds the SUV, and the factor from dose and weight."""
    found = suv_of(case.folder / "PT")
    case.assert_suv(found.suv)
    decayed = case.subject.injected_mbq * 1e6
    decayed *= 2.0 ** (-case.subject.uptake_min * 60 / 6586.2)
    expected = case.subject.weight_kg * 1000 / decayed
    assert abs(found.factor / expected - 1) < 1e-6


def calculate_suv(case: Case) -> None:
    """The factor OHIF uses."""
    instances = []
    for path in case.files("PT"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        drug = ds.RadiopharmaceuticalInformationSequence[0]
        instances.append(
            {
                "CorrectedImage": list(ds.CorrectedImage),
                "Units": ds.Units,
                "RadionuclideHalfLife": float(drug.RadionuclideHalfLife),
                "RadionuclideTotalDose": float(drug.RadionuclideTotalDose),
                "DecayCorrection": ds.DecayCorrection,
                "PatientWeight": float(ds.PatientWeight),
                "PatientSize": float(ds.PatientSize),
                "PatientSex": ds.PatientSex,
                "SeriesDate": ds.SeriesDate,
                "SeriesTime": ds.SeriesTime,
                "AcquisitionDate": ds.AcquisitionDate,
                "AcquisitionTime": ds.AcquisitionTime,
                "RadiopharmaceuticalStartTime": drug.RadiopharmaceuticalStartTime,
                "RadiopharmaceuticalStartDateTime": (
                    drug.RadiopharmaceuticalStartDateTime
                ),
                "FrameReferenceTime": float(ds.FrameReferenceTime),
                "ActualFrameDuration": float(ds.ActualFrameDuration),
            }
        )
    out = run("node", HERE / "calculate_suv.cjs", stdin=json.dumps(instances))
    factors = np.array(json.loads(out.splitlines()[-1]))
    assert len(factors) == len(instances)
    np.testing.assert_allclose(factors * case.bq_ml_per_suv, 1.0, rtol=1e-9)


def _dcm2niix(case: Case, program: str) -> None:
    import nibabel as nib

    for modality in ("CT", "PT"):
        out = case.work / f"{Path(program).parent.name}-{modality}"
        out.mkdir()
        run(program, "-z", "n", "-b", "y", "-f", "x", "-o", out, case.folder / modality)
        assert [p.name for p in out.glob("*.nii")] == ["x.nii"]
        image = nib.as_closest_canonical(nib.load(out / "x.nii"))  # i j k, RAS
        voxels = np.asarray(image.get_fdata())[::-1, ::-1, :].transpose(2, 1, 0)
        sidecar = json.loads((out / "x.json").read_text())
        assert "Manufacturer" not in sidecar  # no vendor's private rules applied
        if modality == "CT":
            np.testing.assert_array_equal(voxels, case.images.ct_hu())
        else:
            step = case.images.pet_suv_per_step[:, None, None]
            suv, truth = voxels / case.bq_ml_per_suv, case.images.suv()
            # It stores one slope: a float or, rounded, a 16-bit integer of the whole.
            assert (np.abs(suv - truth) <= 0.5 * step + 1e-6 * truth).all()
        dz, dy, dx = case.images.grid.spacing_mm
        np.testing.assert_allclose(image.header.get_zooms()[:3], (dx, dy, dz), 1e-5)


def dcm2niix_debian(case: Case) -> None:
    """The oldest dcm2niix in use, which refuses beds head first."""
    _dcm2niix(case, "/usr/bin/dcm2niix")


def dcm2niix_pip(case: Case) -> None:
    """The newest dcm2niix."""
    _dcm2niix(case, _newest_dcm2niix())


def _newest_dcm2niix() -> str:
    import dcm2niix

    return str(dcm2niix.bin)


def simpleitk(case: Case) -> None:
    """ITK's series reader: values, order, spacing and origin."""
    import SimpleITK as sitk  # noqa: N813

    for modality in ("CT", "PT"):
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(
            str(case.folder / modality)
        )
        assert len(names) == len(case.files(modality))
        image = sitk.ReadImage(names)
        voxels = sitk.GetArrayFromImage(image)
        grid = case.images.grid
        np.testing.assert_allclose(image.GetSpacing()[::-1], grid.spacing_mm, 1e-9)
        np.testing.assert_allclose(image.GetOrigin()[::-1], grid.origin_mm, atol=1e-5)
        if modality == "CT":
            np.testing.assert_array_equal(voxels, case.images.ct_hu())
        else:
            case.assert_suv(voxels / case.bq_ml_per_suv)


def highdicom_volume(case: Case) -> None:
    """highdicom's volume of the series, turned to our axes."""
    import highdicom as hd

    for modality in ("CT", "PT"):
        slices = [pydicom.dcmread(path) for path in case.files(modality)]
        volume = hd.get_volume_from_series(slices).to_patient_orientation("HPL")
        np.testing.assert_allclose(volume.spacing, case.images.grid.spacing_mm, 1e-9)
        if modality == "CT":
            np.testing.assert_array_equal(volume.array, case.images.ct_hu())
        else:
            case.assert_suv(volume.array / case.bq_ml_per_suv)


def dcmqi_segments(case: Case) -> None:
    """dcmqi's reading of the segmentation equals the labels."""
    import SimpleITK as sitk  # noqa: N813

    if case.images.labels is None:
        assert not case.files("SEG")
        return
    out = case.work / "dcmqi"
    out.mkdir()
    run(
        "segimage2itkimage",
        *("--inputDICOM", case.files("SEG")[0]),
        *("--outputDirectory", out, "--outputType", "nrrd"),
    )
    labels = np.zeros(case.images.grid.shape, np.uint8)
    dz, dy, dx = case.images.grid.spacing_mm
    z0, y0, x0 = case.images.grid.origin_mm
    for path in out.glob("*.nrrd"):
        image = sitk.ReadImage(str(path))
        x, y, z = image.GetOrigin()
        corner = (round((z - z0) / dz), round((y - y0) / dy), round((x - x0) / dx))
        part = sitk.GetArrayFromImage(image).astype(np.uint8)
        place = tuple(slice(c, c + n) for c, n in zip(corner, part.shape, strict=True))
        assert not (labels[place].astype(bool) & part.astype(bool)).any()
        labels[place] += part
    np.testing.assert_array_equal(labels, case.images.labels)


def _program(name: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(name) else f"{name} is not installed"


def _module(name: str) -> Callable[[], str | None]:
    return lambda: (
        None if importlib.util.find_spec(name) else f"Python's {name} is not installed"
    )


def _node_module() -> str | None:
    if not shutil.which("node"):
        return "node is not installed"
    found = subprocess.run(
        ["node", "-e", f"require.resolve('{CALCULATE_SUV}')"],
        cwd=HERE,
        capture_output=True,
    )
    if found.returncode:
        return "calculate-suv is not installed: run 'npm install' in tests/tools"
    return None


def _debian_dcm2niix() -> str | None:
    there = os.access("/usr/bin/dcm2niix", os.X_OK)
    return None if there else "Debian's dcm2niix is not installed"


@dataclass(frozen=True)
class Witness:
    """A reader, and why it cannot be asked here (None if it can)."""

    ask: Callable[[Case], None]
    absent: Callable[[], str | None]


WITNESSES = {
    "dciodvfy": Witness(dciodvfy, _program("dciodvfy")),
    "dcentvfy": Witness(dcentvfy, _program("dcentvfy")),
    "QIBA oracle": Witness(qiba_oracle, lambda: None),
    "calculate-suv": Witness(calculate_suv, _node_module),
    "dcm2niix (Debian)": Witness(dcm2niix_debian, _debian_dcm2niix),
    "dcm2niix (PyPI)": Witness(dcm2niix_pip, _module("dcm2niix")),
    "SimpleITK": Witness(simpleitk, _module("SimpleITK")),
    "highdicom": Witness(highdicom_volume, lambda: None),
    "dcmqi": Witness(dcmqi_segments, _program("segimage2itkimage")),
}


def witness_subject(
    folder: Path, images: StoredImages, subject: Any, *, names: set[str] | None = None
) -> dict[str, str]:
    """Ask every witness that is here; AssertionError if one sees something else.

    Parameters
    ----------
    folder
        The subject's folder, with ``CT``, ``PT`` and ``SEG``.
    images, subject
        What it was written from.
    names
        Keys of ``WITNESSES`` to ask; all of them when left out.

    Returns
    -------
    dict
        Per witness ``"agrees"``, or why it was not asked.
    """
    result = {}
    for name, witness in WITNESSES.items():
        if names is not None and name not in names:
            continue
        reason = witness.absent()
        if reason is None:
            with tempfile.TemporaryDirectory() as work:
                witness.ask(Case(folder, images, subject, Path(work)))
        result[name] = reason or "agrees"
    return result
