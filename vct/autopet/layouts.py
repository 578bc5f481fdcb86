"""Which layouts of AutoPET lie in a folder, and where their studies are.

=======  ==================================================================
dicom    the TCIA tree, or any tree of DICOM files, one series in a folder
nifti    the official conversion: a folder with CT, CTres, PET, SUV, SEG
nnunet   the challenge: imagesTr/CASE_0000, _0001 and labelsTr/CASE
=======  ==================================================================
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from vct.autopet.demographics_table import is_metadata_table
from vct.autopet.dicom_file import looks_like_dicom
from vct.autopet.refusal import Problem

_NIFTI_NAMES = frozenset({"CT", "CTres", "PET", "SUV"})
NIFTI_ENDINGS = (".nii.gz", ".nii")


@dataclass
class Found:
    """What a folder holds.

    Attributes
    ----------
    dicom
        Files that claim to be DICOM, by the folder they lie in.
    nifti
        Folders of the official conversion, with their files by name: ``SUV`` → path.
    nnunet
        Cases of the challenge: case → its files by ``_0000``, ``_0001``, ``label``.
    tables
        Clinical metadata.
    problems
        Folders that cannot be listed, and second copies of a case.
    """

    root: Path
    dicom: dict[Path, list[Path]] = field(default_factory=dict)
    nifti: dict[Path, dict[str, Path]] = field(default_factory=dict)
    nnunet: dict[str, dict[str, Path]] = field(default_factory=dict)
    tables: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether none of the layouts is there."""
        return not (self.dicom or self.nifti or self.nnunet)


def find_layouts(root: Path) -> Found:
    """Walk a folder once; only names are looked at, and the preamble of odd files."""
    found = Found(root)
    seen: set[Path] = set()

    def unreadable(error: OSError) -> None:
        found.problems.append(Problem(Path(error.filename), str(error.strerror)))

    for name, inner, names in os.walk(root, onerror=unreadable, followlinks=True):
        folder = Path(name)
        if folder.resolve() in seen:  # a link back to where we came from
            inner.clear()
            continue
        seen.add(folder.resolve())
        inner.sort()
        _sort_folder(found, folder, sorted(n for n in names if not n.startswith(".")))
    _add_labels(found)
    return found


def _sort_folder(found: Found, folder: Path, names: list[str]) -> None:
    converted = {}
    for name in names:
        path = folder / name
        stem = _nifti_stem(name)
        if stem is not None:
            if stem in _NIFTI_NAMES or stem == "SEG":
                converted[stem] = path
            elif stem.endswith(("_0000", "_0001")):
                _add_channel(found, stem[:-5], stem[-5:], path)
        elif name.lower().endswith(".csv"):
            if is_metadata_table(path):
                found.tables.append(path)
        elif looks_like_dicom(path):
            found.dicom.setdefault(folder, []).append(path)
    if _NIFTI_NAMES & set(converted):
        found.nifti[folder] = converted


def _add_channel(found: Found, case: str, channel: str, path: Path) -> None:
    """A file of a case of the challenge, unless the case lies elsewhere already."""
    files = found.nnunet.setdefault(case, {})
    known = next(iter(files.values()), path)
    if known.parent == path.parent:
        files[channel] = path
    else:
        reason = f"not read: case {case} lies in {known.parent} already"
        found.problems.append(Problem(path, reason))


def _nifti_stem(name: str) -> str | None:
    for ending in NIFTI_ENDINGS:
        if name.endswith(ending):
            return name[: -len(ending)]
    return None


def _add_labels(found: Found) -> None:
    for case, files in found.nnunet.items():
        folder = next(iter(files.values())).parent
        if not folder.name.startswith("images"):
            continue
        labels = folder.with_name(folder.name.replace("images", "labels", 1))
        for ending in NIFTI_ENDINGS:
            path = labels / f"{case}{ending}"
            if path.is_file():
                files["label"] = path
