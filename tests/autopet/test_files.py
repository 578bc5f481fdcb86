"""Damaged and odd DICOM files: refused in words, never a crash, never read in part."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from tests.autopet.dialects import DIALECTS, PHILIPS
from tests.autopet.scans import (
    PetScan,
    ct_datasets,
    drop,
    drug_of,
    in_block,
    save,
    set_value,
    write_ct,
)
from vct.autopet.dicom_file import DicomFile, read_header
from vct.autopet.dicom_series import series_of
from vct.autopet.dicom_study import NO_FRAME, dicom_study
from vct.autopet.inspect import describe_study
from vct.autopet.pet_header import pet_header
from vct.autopet.refusal import ScanError, SuvError
from vct.autopet.study import StudyReport
from vct.autopet.survey import with_voxels
from vct.autopet.suv import suv_scaling


def headers(folder: Path) -> list[DicomFile]:
    return [read_header(path) for path in sorted(folder.glob("*.dcm"))]


def report_of(folder: Path) -> StudyReport:
    folders = {sub: sorted(sub.glob("*")) for sub in sorted(folder.iterdir())}
    return dicom_study(folders)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    PetScan().write(folder / "PT")
    write_ct(folder / "CT")
    return folder


def test_the_study_itself_is_usable(study: Path) -> None:
    assert report_of(study).study is not None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0.0, 1.0, exclude_max=True), which=st.sampled_from(["CT", "PT"]))
def test_a_file_cut_anywhere_makes_the_study_unusable(
    cut: float, which: str, study: Path
) -> None:
    path = sorted((study / which).glob("*.dcm"))[1]
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: int(cut * len(whole))])
        report = report_of(study)
    finally:
        path.write_bytes(whole)
    assert report.study is None
    assert str(path) in "\n".join(describe_study(report))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.0, 1.0, exclude_max=True), value=st.integers(0, 255))
def test_a_damaged_byte_never_stops_the_run(
    place: float, value: int, study: Path
) -> None:
    path = sorted((study / "PT").glob("*.dcm"))[0]
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[int(place * len(whole))] = value
    try:
        path.write_bytes(damaged)
        with_voxels(report_of(study))
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("group", "number"),
    [
        (0x08, 0x08),
        (0x08, 0x16),
        (0x08, 0x18),
        (0x10, 0x20),
        (0x20, 0x0D),
        (0x20, 0x0E),
    ],
)
def test_a_damaged_kind_of_value_is_a_flaw_of_its_file(
    group: int, number: int, study: Path
) -> None:
    path = sorted((study / "PT").glob("*.dcm"))[0]
    whole = path.read_bytes()
    place = whole.index(bytes([group, 0, number, 0]), 132) + 5
    damaged = bytearray(whole)
    damaged[place] = 0  # the second letter of the VR
    try:
        path.write_bytes(damaged)
        report = report_of(study)
    finally:
        path.write_bytes(whole)
    assert report.study is None
    assert str(path) in "\n".join(describe_study(report))


def test_large_pixels_stay_on_disk_and_their_cut_is_seen(tmp_path: Path) -> None:
    """Headers are read without the pixels; a cut shows in the file's length."""
    ds = ct_datasets()[0]
    ds.Rows = ds.Columns = 128
    ds.PixelData = bytes(2 * 128 * 128)
    path = save(ds, tmp_path / "0.dcm")
    assert read_header(path).problem is None
    path.write_bytes(path.read_bytes()[:-1000])
    assert (
        read_header(path).problem == "truncated: 1000 bytes of pixel data are missing"
    )


def test_private_elements_of_lost_creators_are_found() -> None:
    """Anonymizers often drop (7053,0010) and keep (7053,1000), even as bytes."""

    def lost(ds: Dataset, k: int) -> None:
        ds.add_new(0x70531000, "UN", b"0.00037 ")

    scan = PetScan(units="CNTS", changes=[lost])
    assert pet_header(scan.datasets()).philips_suv_factor == 0.00037

    def foreign(ds: Dataset, k: int) -> None:
        ds.private_block(0x7053, "SOMEONE ELSE", create=True).add_new(0, "DS", "1")

    other = PetScan(units="CNTS", changes=[foreign])
    assert pet_header(other.datasets()).philips_suv_factor is None


@pytest.mark.parametrize("block", [0x11, 0xFF])
@pytest.mark.parametrize("dialect", ["DRO_3_3", "DRO_2_4", "DRO_2_5"])
def test_a_private_block_is_found_past_the_gap_of_another(
    dialect: str, block: int
) -> None:
    """De-identification removes a creator; the others keep their blocks."""
    scan = DIALECTS[dialect]()
    expected = suv_scaling(pet_header(scan.datasets())).factor

    def move(ds: Dataset, k: int) -> None:
        for tag in [tag for tag in ds.keys() if tag.is_private]:  # noqa: SIM118
            own, low = ds.pop(tag), tag.element & 0xFF
            number = block if tag.element < 0x100 else block * 0x100 + low
            ds.add_new((tag.group, number), own.VR, own.value)

    scan.changes.append(move)
    found = suv_scaling(pet_header(scan.datasets())).factor
    np.testing.assert_array_equal(found, expected)


def test_a_private_time_is_moved_to_the_clock_of_the_scanner() -> None:
    private = in_block(
        0x0071, "SIEMENS MED PT", 0x22, "DT", "20250101120000.000000+0200"
    )
    local = set_value("TimezoneOffsetFromUTC", "+0100")
    scan = PetScan(changes=[local, private])
    assert pet_header(scan.datasets()).decay_reference == scan.start


def test_decay_correction_date_time_tells_the_reference() -> None:
    """An attribute of Enhanced PET: 1 h before the series, SUV is 1.46 times lower."""
    scan = PetScan()
    expected = suv_scaling(pet_header(scan.datasets())).factor
    at_injection = set_value("DecayCorrectionDateTime", f"{scan.injected:%Y%m%d%H%M%S}")
    found = suv_scaling(pet_header(replace(scan, changes=[at_injection]).datasets()))
    uptake_s = (scan.start - scan.injected).total_seconds()
    np.testing.assert_allclose(
        found.factor, expected * 2.0 ** (-uptake_s / scan.half_life_s), rtol=1e-3
    )
    assert any("own moment of decay correction" in note for note in found.notes)


def test_two_injections_are_refused() -> None:
    def twice(ds: Dataset, k: int) -> None:
        items = ds.RadiopharmaceuticalInformationSequence
        items.append(items[0])

    with pytest.raises(SuvError, match="2 injections"):
        pet_header(PetScan(changes=[twice]).datasets())


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Units", "GML"),
        ("PatientWeight", "71"),
        ("SeriesTime", "101010"),
        ("CorrectedImage", ["DECY"]),
        ("AttenuationCorrectionMethod", "NONE"),
        ("PatientSex", "M"),
        ("Manufacturer", "GE MEDICAL SYSTEMS"),
        ("RadionuclideTotalDose", "184040000"),
        ("RadionuclideHalfLife", "6580"),
        ("RadiopharmaceuticalStartTime", "093000"),
        ("RadiopharmaceuticalStartDateTime", "20250101093000"),
        ("Radiopharmaceutical", "PSMA"),
    ],
)
def test_one_slice_of_another_kind_is_refused(
    keyword: str, value: str | list[str], tmp_path: Path
) -> None:
    """The third of four, so that no slice alone can stand for the series."""

    def change(ds: Dataset, k: int) -> None:
        if k == 2:
            setattr(drug_of(ds) if keyword.startswith("Radio") else ds, keyword, value)

    folder = PetScan(changes=[change]).write(tmp_path)
    told = rf"{keyword} is .* in .*7-2\.dcm, but .* in \d-\d\.dcm"
    with pytest.raises(ScanError, match=told):
        series_of(headers(folder))


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "values", "named"),
    [
        (0x7053, PHILIPS, 0x00, "DS", ["1", "2"], r"factor \(7053,1000\) is 2 in"),
        (0x7053, PHILIPS, 0x09, "DS", ["1", "2"], r"factor \(7053,1009\) is 2 in"),
        (
            *(0x0009, "GEMS_PETD_01", 0x0D, "DT"),
            ["20250101110000", "20250101110730"],
            "moment of decay correction is 2025-01-01 11:07:30 in",
        ),
    ],
)
def test_private_elements_must_not_differ_between_slices(
    group: int, creator: str, element: int, vr: str, values: list[str], named: str
) -> None:
    def change(ds: Dataset, k: int) -> None:
        in_block(group, creator, element, vr, values[k > 1])(ds, k)

    with pytest.raises(ScanError, match=f"{named} slice 3, but"):
        pet_header(PetScan(changes=[change]).datasets())


def test_values_spelled_in_two_ways_are_one(tmp_path: Path) -> None:
    def change(ds: Dataset, k: int) -> None:
        if k == 2:
            ds.PatientWeight, ds.SeriesTime = "70.00", "110000"
            ds.CorrectedImage = ["DECY", "ATTN", "SCAT", "NORM", "RAN", "DTIM"]
            drug_of(ds).RadionuclideTotalDose = "3.6808E8"
            drug_of(ds).RadiopharmaceuticalStartTime = "1000"

    plain = series_of(headers(PetScan().write(tmp_path / "a")))
    spelled = series_of(headers(PetScan(changes=[change]).write(tmp_path / "b")))
    assert spelled.header == plain.header


def test_a_prone_patient_is_turned(tmp_path: Path) -> None:
    """Rows run to the right and columns to the front; the picture must not."""
    slices = ct_datasets()
    straight = series_of(headers(write_ct(tmp_path / "a", slices))).read()
    for ds in slices:
        image = ds.pixel_array[::-1, ::-1]
        ds.PixelData = np.ascontiguousarray(image).tobytes()
        x, y, z = (float(v) for v in ds.ImagePositionPatient)
        ds.ImagePositionPatient = [x + 6 * 9, y + 5 * 7, z]
        ds.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
    turned = series_of(headers(write_ct(tmp_path / "b", slices))).read()
    np.testing.assert_array_equal(turned.voxels, straight.voxels)
    assert turned.grid == straight.grid


def test_padding_below_air_is_air(tmp_path: Path) -> None:
    slices = ct_datasets()
    for ds in slices:
        ds.RescaleIntercept = "-2000"
    hu = series_of(headers(write_ct(tmp_path, slices))).read().voxels
    assert hu.min() == -1024.0
    assert hu.max() == 900.0 - (2000.0 - 1024.0)


def test_ct_and_pet_of_two_patients_are_not_paired(tmp_path: Path) -> None:
    """Folders that say nothing of the subject; one StudyInstanceUID for both."""
    PetScan(subject="A").write(tmp_path / "PT")
    write_ct(tmp_path / "CT", subject="B")
    report = report_of(tmp_path)
    assert report.study is None
    assert "wrong patient: PatientID is B in" in report.reasons[0]


def test_no_frame_of_reference_is_said(tmp_path: Path) -> None:
    """Two images without one are not known to lie in the same."""
    slices = ct_datasets()
    for ds in slices:
        del ds.FrameOfReferenceUID
    write_ct(tmp_path / "CT", slices)
    PetScan(changes=[drop("FrameOfReferenceUID")]).write(tmp_path / "PT")
    report = report_of(tmp_path)
    assert report.study is not None
    assert NO_FRAME in report.study.notes
    PetScan().write(tmp_path / "PT")
    report = report_of(tmp_path)
    assert "not in one frame of reference: None and" in report.reasons[0]


def test_a_slope_of_zero_and_odd_numbers_are_refused(tmp_path: Path) -> None:
    zero = PetScan(changes=[set_value("RescaleSlope", "0")]).write(tmp_path / "a")
    with pytest.raises(ScanError, match="Rescale Slope is 0"):
        series_of(headers(zero))
    bare = PetScan(changes=[drop("CorrectedImage")]).write(tmp_path / "b")
    with pytest.raises(SuvError, match="does not name ATTN"):
        series_of(headers(bare))


def test_files_without_an_ending_are_known_by_their_preamble(tmp_path: Path) -> None:
    from vct.autopet.layouts import find_layouts

    save(ct_datasets()[0], tmp_path / "IM0001")
    (tmp_path / "README").write_text("x" * 200)
    (tmp_path / "1.2.840.1").write_bytes((tmp_path / "IM0001").read_bytes())
    found = find_layouts(tmp_path)
    assert found.dicom == {tmp_path: [tmp_path / "1.2.840.1", tmp_path / "IM0001"]}
