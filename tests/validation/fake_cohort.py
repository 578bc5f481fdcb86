"""A cohort folder with realistic numbers and no model behind it."""

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from vct.grid import Grid, whole_body_grid
from vct.manifest import collect, write_run, write_subject_record
from vct.measured import SUV_BIN_EDGES, Measured
from vct.uptake import bq_ml_per_suv
from vct.volume import StoredImages

SPEC = """\
version: 1
name: Fake <cohort> & co
seed: 7
reference_date: 2026-01-01
size: {size}
population:
  preset: autopet-fdg
protocol:
  injected_mbq_per_kg: 3.0
  uptake_min: 60
"""

# Volume [mL], SD, SUV, SD, HU of men; women's volumes are 0.85 of these.
ORGAN_VALUES = {
    "liver": (1750, 350, 2.3, 0.33, 105),
    "spleen": (240, 90, 1.9, 0.3, 115),
    "kidneys": (350, 60, 2.55, 0.35, 160),
    "heart": (690, 110, 2.6, 0.8, 120),
    "lungs": (4300, 900, 0.5, 0.1, -740),
    "brain": (1400, 110, 6.1, 1.1, 38),
    "aorta": (240, 60, 1.65, 0.3, 145),
    "urinary_bladder": (150, 70, 12.0, 6.0, 10),
    "bowel": (900, 250, 1.5, 0.4, 20),
    "spine": (900, 120, 1.4, 0.3, 230),
    "bone": (5000, 600, 1.1, 0.2, 300),
    "muscle": (18000, 3000, 0.62, 0.1, 50),
    "subcutaneous_fat": (12000, 5000, 0.28, 0.06, -100),
    "visceral_fat": (3500, 1800, 0.45, 0.1, -95),
}
CUT = ("spine", "bone", "muscle", "subcutaneous_fat", "visceral_fat")


@dataclass(frozen=True)
class FakeSubject:
    """Stands for vct.subjects.Subject in a caption."""

    subject_id: str = "S0001"
    sex: str = "F"
    age_years: float = 61.0
    height_m: float = 1.64
    bmi_kg_m2: float = 27.3
    injected_mbq: float = 312.0
    uptake_min: float = 60.0


def references() -> pd.DataFrame:
    """Reference rows in the form of vct.validation.references, with ``primary``."""
    rows = []
    for organ, (volume, volume_sd, suv, suv_sd, _) in ORGAN_VALUES.items():
        for sex, scale in (("F", 0.85), ("M", 1.0)):
            for quantity, mean, sd in (
                ("volume_ml", volume * scale * 1.04, volume_sd * scale),
                ("suv_mean", suv * 0.97, suv_sd * 1.1),
            ):
                rows.append((organ, quantity, sex, mean, sd, 30, 0.0, "hedyPET"))
                if organ in ("liver", "heart", "kidneys"):
                    rows.append(
                        (organ, quantity, sex, mean * 1.05, sd, 100, 0.02, "AutoPET")
                    )
    columns = ["organ", "quantity", "sex", "mean", "sd", "n", "reading_error", "source"]
    df = pd.DataFrame(rows, columns=columns)
    two = df["organ"].isin(["liver", "heart", "kidneys"])
    df["primary"] = ~two | (df["source"] == "AutoPET")
    return df


def fake_images(spacing_mm: float = 4.0, seed: int = 0) -> StoredImages:
    """Ellipsoids in the whole-body field: enough to see orientation and aspect."""
    grid = whole_body_grid(spacing_mm)
    z, y, x = np.meshgrid(*(grid.centers_mm(a) for a in range(3)), indexing="ij")
    hu, suv = np.full(grid.shape, -1000.0), np.zeros(grid.shape)
    # center z y x, radii z y x [mm], HU, SUV
    for c, r, h, s in (
        ((-330, 0, 0), (440, 110, 180), -95, 0.35),
        ((-330, 0, 0), (430, 92, 158), 50, 0.8),
        ((-120, 0, -75), (130, 75, 62), -780, 0.4),
        ((-120, 0, 75), (130, 75, 62), -780, 0.4),
        ((200, 0, 0), (110, 90, 72), 900, 0.8),
        ((200, 0, 0), (102, 82, 64), 38, 7.5),
        ((-170, -20, 30), (55, 45, 50), 120, 2.8),
        ((-290, -10, -70), (70, 70, 75), 105, 2.3),
        ((-270, 30, 100), (45, 30, 25), 115, 1.9),
        ((-360, 40, -65), (50, 22, 25), 160, 3.0),
        ((-350, 40, 65), (50, 22, 25), 160, 3.0),
        ((-640, -20, 0), (35, 35, 40), 10, 14.0),
        ((-250, 55, 0), (330, 18, 18), 230, 1.5),
    ):
        inside = sum(
            ((v - m) / n) ** 2 for v, m, n in zip((z, y, x), c, r, strict=True)
        )
        hu[inside < 1], suv[inside < 1] = h, s
    rng = np.random.default_rng(seed)
    hu += rng.normal(0, 12, grid.shape)
    suv *= rng.normal(1, 0.08, grid.shape)
    step = np.maximum(suv.max(axis=(1, 2)), 1.0) / 32767
    return StoredImages(
        grid=grid,
        ct_stored=np.clip(hu + 1024, 0, 4095).astype(np.uint16),
        pet_stored=np.clip(suv / step[:, None, None], 0, 32767).astype(np.uint16),
        pet_suv_per_step=step,
        labels=None,
        pet_clipped_voxels=0,
    )


def organ_rows(subject: pd.Series, rng: np.random.Generator) -> list[dict]:
    """Organ measurements that follow sex, weight and chance."""
    scale = 1.0 if subject["sex"] == "M" else 0.85
    fat = subject["bmi_kg_m2"] / 27.0
    rows = []
    for organ, (volume, volume_sd, suv, suv_sd, hu) in ORGAN_VALUES.items():
        rows.append(
            {
                "organ": organ,
                "source": "segmenter",
                "volume_ml": max(rng.normal(volume, volume_sd) * scale, 10.0),
                "suv_mean": max(rng.normal(suv, suv_sd), 0.1),
                "suv_sd": 0.3,
                "suv_max": 2 * suv,
                "hu_mean": rng.normal(hu, 8),
                "hu_sd": 15.0,
                "touches_edge": organ in CUT or rng.random() < 0.02,
            }
        )
    mass = subject["weight_kg"] * rng.normal(0.74, 0.02)
    for organ, volume in (
        ("body_hu", mass * 1000),
        ("fat_hu", 14000 * fat**2 * rng.normal(1, 0.1)),
        ("lungs_hu", 4200 * scale * rng.normal(1, 0.15)),
    ):
        rows.append(
            {
                "organ": organ,
                "source": "threshold",
                "volume_ml": volume,
                "mass_kg": mass,
                "touches_edge": True,
            }
        )
    return rows


def measured(rows: list[dict], rng: np.random.Generator) -> Measured:
    """What a build measures: SUV is spread normally over an organ's voxels."""
    histograms = {}
    for row in rows:
        if row["source"] == "segmenter":
            suv = rng.normal(row["suv_mean"], row["suv_sd"], 500)
            bins = np.searchsorted(SUV_BIN_EDGES, suv, side="right") - 1
            counts = np.bincount(np.maximum(bins, 0), minlength=len(SUV_BIN_EDGES))
            histograms[row["organ"]] = counts.tolist()
    image = {
        f"pet_shift_{axis}_mm": float(rng.normal(0, sd_mm))
        for axis, sd_mm in (("z", 0.5), ("y", 0.3), ("x", 0.3))
    }
    image["trunk_length_mm"] = float(rng.normal(620, 30))
    return Measured(rows, histograms, image)


def header_bytes(subject: pd.Series, modality: str, *, z_mm: float) -> bytes:
    """A DICOM file without pixels: what readers of headers look at."""
    started = datetime(2026, 1, 1, 10)
    header = Dataset()
    header.Modality = modality
    header.PatientSex = subject["sex"]
    header.PatientWeight = f"{subject['weight_kg']:.10g}"
    header.FrameOfReferenceUID = "2.25.2"
    header.ImagePositionPatient = [-254, -190, z_mm]
    if modality == "PT":
        injected = started - timedelta(minutes=float(subject["uptake_min"]))
        dose = Dataset()
        dose.RadionuclideTotalDose = f"{subject['injected_mbq'] * 1e6:.12g}"
        dose.RadionuclideHalfLife = "6586.2"
        dose.RadiopharmaceuticalStartDateTime = f"{injected:%Y%m%d%H%M%S.%f}"
        header.RadiopharmaceuticalInformationSequence = [dose]
        header.SeriesDate = f"{started:%Y%m%d}"
        header.SeriesTime = f"{started:%H%M%S}"
        header.Units, header.DecayCorrection = "BQML", "START"
        header.CorrectedImage = ["DECY", "ATTN"]
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "2.25.3"
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.preamble = b"\0" * 128
    file = io.BytesIO()
    dcmwrite(file, header, enforce_file_format=True)
    return file.getvalue()


def write_subject_files(
    out: Path, subject: pd.Series, rng: np.random.Generator
) -> None:
    """Small files in place of DICOM, and the subject's record."""
    subject_id = str(subject["subject_id"])
    folder = out / "dicom" / subject_id
    series, instances = [], []
    factor = bq_ml_per_suv(
        weight_kg=subject["weight_kg"],
        injected_mbq=subject["injected_mbq"],
        uptake_min=subject["uptake_min"],
    )
    for index, (modality, units) in enumerate(
        (("CT", "HU"), ("PT", "BQML"), ("SEG", "label"))
    ):
        (folder / modality).mkdir(parents=True)
        uid = f"2.25.{int(subject_id[1:])}{index}"
        n = 1 if modality == "SEG" else 2
        for number in range(1, n + 1):
            data = (
                f"{subject_id} SEG {number}".encode()
                if modality == "SEG"
                else header_bytes(subject, modality, z_mm=4.0 * number)
            )
            relative = f"{modality}/{number:04d}.dcm"
            (folder / relative).write_bytes(data)
            instances.append(
                {
                    "subject_id": subject_id,
                    "modality": modality,
                    "series_uid": uid,
                    "sop_uid": f"{uid}.{number}",
                    "sop_class": "1.2.840.10008.5.1.4.1.1.2",
                    "instance_number": number,
                    "path": relative,
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "bytes": len(data),
                }
            )
        series.append(
            {
                "subject_id": subject_id,
                "modality": modality,
                "study_uid": "2.25.1",
                "series_uid": uid,
                "frame_of_reference_uid": "2.25.2",
                "n_instances": n,
                "rows": 96,
                "columns": 128,
                "spacing_mm": (4.0, 4.0, 4.0),
                "units": units,
                "bq_ml_per_suv": factor if modality == "PT" else None,
                "description": f"{modality} synthetic",
            }
        )
    write_subject_record(
        folder,
        subject_id=subject_id,
        series=series,
        instances=instances,
        measured=measured(organ_rows(subject, rng), rng),
        pet_clipped_voxels=3 if int(subject_id[1:]) % 9 == 0 else 0,
    )


def run_record(n_subjects: int) -> dict:
    """A run.json as ``vct build`` writes it."""
    return {
        "vct_version": "0.1.0",
        "python": "3.11.9",
        "packages": {"torch": "2.13.0", "numpy": "2.3.0", "pydicom": "3.0.1"},
        "spec_sha256": "5f" * 32,
        "model": {
            "name": "whole-body-4mm",
            "version": "1",
            "sha256": "ab" * 32,
            "trained_on": "20,000 digital phantoms, whose organ volumes and uptake "
            "follow published measurements of people. No patient image was used.",
        },
        "seed": 7,
        "device": "cpu",
        "precision": "bf16",
        "batch_size": 1,
        "tile_plan": {"tile": [288, 96, 128], "overlap": 0},
        "options": {"workers": 2},
        "started": "2026-11-23T06:00:00+00:00",
        "finished": "2026-11-23T06:10:00+00:00",
        "seconds": {
            "base": 6.2 * n_subjects,
            "superres": 11.0 * n_subjects,
            "segmentation": 3.1 * n_subjects,
            "dicom": 2.4 * n_subjects,
            "total": 23.1 * n_subjects,
        },
        "peak_memory_bytes": 2_900_000_000,
        "n_subjects": n_subjects,
    }


def write_fake_cohort(out: Path, spec_text: str, *, previews: int = 0) -> Path:
    """Sample the spec and write everything around images that do not exist."""
    from vct.spec import load_spec
    from vct.subjects import sample_subjects, write_subjects

    out.mkdir(parents=True)
    (out / "cohort.yaml").write_text(spec_text, "utf-8")
    subjects = sample_subjects(load_spec(out / "cohort.yaml"))
    write_subjects(subjects, out / "subjects.parquet")
    rng = np.random.default_rng(1)
    for _, subject in subjects.iterrows():
        write_subject_files(out, subject, rng)
    collect(out)
    write_run(out / "run.json", run_record(len(subjects)))
    if previews:
        from vct.report import write_preview

        (out / "previews").mkdir()
        images = fake_images(8.0)
        for row in subjects.head(previews).itertuples():
            write_preview(images, row, out / f"previews/{row.subject_id}.png")
    return out


def tiny_grid() -> Grid:
    """A grid small enough for every test."""
    return Grid((36, 12, 16), (32.0, 32.0, 32.0), (-816.0, -176.0, -240.0))
