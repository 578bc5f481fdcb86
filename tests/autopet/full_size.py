"""Throughput and memory of ``vct autopet prepare`` on studies of full size.

Run it with ``python -m tests.autopet.full_size``; docs/how-to/prepare-autopet.md holds
what it said. It writes a phantom as AutoPET's scanners would, in the DICOM or the NIfTI
layout: PET 400 × 400 × 326 at 2.04 × 2.04 × 3 mm, CT 512 × 512 at 0.977 mm.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.autopet import people
from tests.autopet.scans import PetScan, ct_datasets, save
from vct.autopet.prepared import PreparedFolder
from vct.autopet.preparing import Settings, Task, prepare_folder, prepare_task
from vct.autopet.resample import Resampler
from vct.autopet.survey import Survey
from vct.grid import Grid
from vct.volume import Volume

PET = Grid((326, 400, 400), (3.0, 2.0364, 2.0364), (-740.0, -406.0, -406.0))
CT_IN_PLANE_MM = 500.0 / 512


def ct_grid(slices: int) -> Grid:
    """A CT over the PET's length, 500 mm wide."""
    dz = PET.fov_mm[0] / slices
    low = -CT_IN_PLANE_MM * 511 / 2
    first = PET.origin_mm[0] - PET.spacing_mm[0] / 2 + dz / 2
    return Grid(
        (slices, 512, 512), (dz, CT_IN_PLANE_MM, CT_IN_PLANE_MM), (first, low, low)
    )


def volumes(ct_slices: int) -> tuple[Volume, Volume]:
    """CT with noise, padding around its circle, and PET."""
    scan, grid = people.person(0), ct_grid(ct_slices)
    ct = Resampler.between(scan.grid, grid).apply(scan.ct_hu + 1000.0) - 1000.0
    noise = np.random.default_rng(0)
    y, x = grid.centers_mm(1)[:, None], grid.centers_mm(2)
    for image in ct:
        image += 20.0 * noise.standard_normal(image.shape, np.float32)
        image[np.hypot(y, x) > 249.0] = -2000.0
    suv = Resampler.between(scan.grid, PET).apply(scan.suv)
    return Volume(ct, grid, "HU"), Volume(suv, PET, "SUV")


def write_dicom(
    root: Path, subject: str, number: int, images: tuple[Volume, Volume]
) -> None:
    """A study of the TCIA tree."""
    study = f"01-01-2025-NA-PET-CT Ganzkoerper  primaer mit KM-{number:05d}"
    folder = root / "FDG-PET-CT-Lesions" / subject / study
    ct, pet = images
    header = ct_datasets(subject=subject, study=str(number))[0]
    _write_slices(header, ct.voxels + 1024.0, ct.grid, folder / "2.0-GK p.v.3-1")
    scan = PetScan(subject=subject, study=str(number), start=datetime(2025, 1, 1, 11))
    header = scan.datasets()[0]
    step = float(header.RescaleSlope) / scan.bq_ml_at_start()
    _write_slices(header, pet.voxels / step, pet.grid, folder / "4.0-PET corr.-1")


def _write_slices(header, stored: np.ndarray, grid: Grid, folder: Path) -> None:  # type: ignore[no-untyped-def]
    folder.mkdir(parents=True)
    base, (dz, dy, dx), (z, y, x) = (
        header.SeriesInstanceUID,
        grid.spacing_mm,
        grid.origin_mm,
    )
    header.Rows, header.Columns = grid.shape[1:]
    header.PixelSpacing, header.SliceThickness = [f"{dy:.7g}", f"{dx:.7g}"], f"{dz:.7g}"
    if "NumberOfSlices" in header:
        header.NumberOfSlices = grid.shape[0]
    for k, image in enumerate(stored):
        header.SOPInstanceUID = f"{base}.{k + 1}"
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        place = (f"{x:.7g}", f"{y:.7g}", f"{z + k * dz:.7g}")
        header.ImagePositionPatient = list(place)
        pixels = np.clip(np.rint(image), -32768, 32767).astype(np.int16)
        header.PixelData = pixels.tobytes()
        save(header, folder / f"{k:04d}.dcm")


def prepared_and_weighed(task: Task) -> dict[str, Any]:
    """Prepare a study; leave the process's largest resident memory [GiB] in a file.

    From /proc: getrusage would count the memory of the parent that started it.
    """
    result = prepare_task(task)
    status = Path("/proc/self/status").read_text()
    kib = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    (task.out / f"{task.name}.gib").write_text(str(int(kib.split()[1]) / 2**20))
    return result


def measured(root: Path, spacing_mm: float, workers: int) -> Iterator[str]:
    """Prepare an archive, and say how long it took and what a worker held."""
    out = Path(tempfile.mkdtemp(prefix="prepared-"))
    begin = time.perf_counter()
    said: list[str] = []
    prepare_folder(
        Survey(root, demographics=root / "people.csv"),
        out,
        Settings(spacing_mm=spacing_mm),
        workers=workers,
        work=prepared_and_weighed,
        notify=lambda o: said.append(
            f"  {o.study_id[:16]} {o.status} {o.seconds:.1f} s"
        ),
    )
    seconds = time.perf_counter() - begin
    folder = PreparedFolder(out)
    count = len(folder.index)
    peak = max(float(path.read_text()) for path in out.glob("*.gib"))
    yield from said
    for row in folder.left_out.itertuples():
        yield f"  left out: {row.study_id}: {'; '.join(row.reasons)}"
    yield (
        f"{root.name}: {spacing_mm:g} mm, {workers} workers: {count} studies in "
        f"{seconds:.0f} s, {3600 * count / seconds:.0f} studies/h; largest worker "
        f"{peak:.2f} GiB"
    )
    shutil.rmtree(out)


def main() -> None:
    """Write the archives, prepare them, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ct-slices", type=int, default=326)
    parser.add_argument("--studies", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--spacing-mm", type=float, default=2.0)
    parser.add_argument("--layout", choices=["dicom", "nifti"], default="dicom")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=f"{given.layout}-") as folder:
        root, images = Path(folder), volumes(given.ct_slices)
        rows = ["subject_id,age_years,sex"]
        for n in range(given.studies):
            subject = f"PETCT_{n:010x}"
            rows.append(f"{subject},50,F")
            if given.layout == "dicom":
                write_dicom(root, subject, n + 1, images)
            else:
                people.written(root, subject, n + 1, *images)
        (root / "people.csv").write_text("\n".join(rows))
        del images
        for line in measured(root, given.spacing_mm, given.workers):
            print(line, flush=True)


if __name__ == "__main__":
    main()
