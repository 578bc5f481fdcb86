"""Columns of the tables: Arrow type, unit and description, each spelled once.

Readers, writers, documentation and tests take them from here. The subjects table is
described by ``vct.subjects.COLUMNS`` in the same form.
"""

from vct.column import Column

SCHEMA_VERSION = "2"


SERIES: dict[str, Column] = {
    "subject_id": Column("string", "", "Subject, as in subjects.parquet"),
    "modality": Column("string", "", "CT, PT or SEG"),
    "study_uid": Column("string", "", "Study Instance UID (0020,000D)"),
    "series_uid": Column("string", "", "Series Instance UID (0020,000E)"),
    "frame_of_reference_uid": Column(
        "string", "", "Frame of Reference UID (0020,0052), shared by CT, PT and SEG"
    ),
    "n_instances": Column("int32", "", "Number of files"),
    "n_frames": Column("int32", "", "Number of slices, over all files"),
    "rows": Column("int32", "", "Rows (0028,0010): voxels along j"),
    "columns": Column("int32", "", "Columns (0028,0011): voxels along i"),
    "spacing_k_mm": Column("float64", "mm", "Distance between slices"),
    "spacing_j_mm": Column("float64", "mm", "Distance between rows"),
    "spacing_i_mm": Column("float64", "mm", "Distance between columns"),
    "units": Column("string", "", "HU, BQML or label"),
    "bq_ml_per_suv": Column(
        "float64", "Bq/mL", "Activity concentration of SUV 1 (PT only)"
    ),
    "clipped_voxels": Column(
        "int64", "", "Voxels whose SUV passed the end of the PET encoding (PT only)"
    ),
    "description": Column("string", "", "Series Description (0008,103E)"),
}

INSTANCES: dict[str, Column] = {
    "subject_id": Column("string", "", "Subject, as in subjects.parquet"),
    "modality": Column("string", "", "CT, PT or SEG"),
    "series_uid": Column("string", "", "Series Instance UID (0020,000E)"),
    "sop_uid": Column("string", "", "SOP Instance UID (0008,0018)"),
    "sop_class": Column("string", "", "SOP Class UID (0008,0016)"),
    "instance_number": Column("int32", "", "Instance Number (0020,0013)"),
    "path": Column("string", "", "File, relative to the cohort folder, with slashes"),
    "sha256": Column("string", "", "SHA-256 of the file"),
    "bytes": Column("int64", "B", "Size of the file"),
}

ORGANS: dict[str, Column] = {
    "subject_id": Column("string", "", "Subject, as in subjects.parquet"),
    "organ": Column("string", "", "Organ, group of organs, or measure by threshold"),
    "source": Column("string", "", "Instrument: segmenter (CT network) or threshold"),
    "status": Column(
        "string",
        "",
        "ok, in_field (open-ended tissue), or why there are no numbers: not_found, "
        "cut_by_field, implausible_volume, uncertain, not_applicable",
    ),
    "volume_ml": Column("float64", "mL", "Volume inside the field of view"),
    "volume_error_ml": Column(
        "float64", "mL", "Error (1 SD) the segmenter expects, calibrated on phantoms"
    ),
    "suv_mean": Column("float64", "g/mL", "Mean body-weight SUV"),
    "suv_sd": Column("float64", "g/mL", "Standard deviation of SUV over voxels"),
    "suv_max": Column("float64", "g/mL", "Largest SUV"),
    "hu_mean": Column("float64", "HU", "Mean CT number"),
    "hu_sd": Column("float64", "HU", "Standard deviation of CT number over voxels"),
    "mass_kg": Column(
        "float64", "kg", "Mass inside the field of view, from CT numbers"
    ),
    "touches_edge": Column("bool", "", "Cut by the field of view, beyond a trace"),
}

IMAGES: dict[str, Column] = {
    "subject_id": Column("string", "", "Subject, as in subjects.parquet"),
    "pet_shift_z_mm": Column(
        "float64", "mm", "Displacement of the PET against the CT, towards the head"
    ),
    "pet_shift_y_mm": Column("float64", "mm", "Likewise, towards the back"),
    "pet_shift_x_mm": Column("float64", "mm", "Likewise, towards the left"),
    "trunk_length_mm": Column(
        "float64", "mm", "From the top of the femurs to the top of the lungs"
    ),
}

SUV_HISTOGRAMS: dict[str, Column] = {
    "subject_id": Column("string", "", "Subject, as in subjects.parquet"),
    "organ": Column("string", "", "Organ or group of organs, found by the segmenter"),
    "voxels": Column(
        "list<int32>",
        "",
        "Voxels in each SUV bin; lower edges in the metadata as suv_bin_edges, the "
        "last bin open above",
    ),
}

# Row order of each table: what makes two builds of one spec byte-identical.
SERIES_KEY = ("subject_id", "modality", "series_uid")
INSTANCES_KEY = ("subject_id", "modality", "instance_number", "sop_uid")
ORGANS_KEY = ("subject_id", "source", "organ")
IMAGES_KEY = ("subject_id",)
