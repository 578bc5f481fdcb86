"""Virtual PET/CT patient cohorts: demographics in, paired FDG PET/CT in DICOM out.

Public names are imported on first use (PEP 562), so that ``import vct`` costs
nothing and only ``Cascade`` and ``build_cohort`` bring torch in.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Torch reads this at its first allocation on a CPU: large tensors in huge pages. A 2 mm
# volume is 200 MB and made anew at every step; page faults cost more than arithmetic.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

if TYPE_CHECKING:
    from vct.build import build_cohort, finish_cohort, plan_cohort
    from vct.cascade import Cascade
    from vct.doctor import diagnose
    from vct.manifest import load_cohort
    from vct.models import list_models
    from vct.spec import load_spec
    from vct.subjects import sample_subjects
    from vct.validation import validate_cohort

_HOME = {
    "Cascade": "vct.cascade",
    "build_cohort": "vct.build",
    "diagnose": "vct.doctor",
    "finish_cohort": "vct.build",
    "list_models": "vct.models",
    "load_cohort": "vct.manifest",
    "load_spec": "vct.spec",
    "plan_cohort": "vct.build",
    "sample_subjects": "vct.subjects",
    "validate_cohort": "vct.validation",
}

__all__ = [
    "Cascade",
    "__version__",
    "build_cohort",
    "diagnose",
    "finish_cohort",
    "list_models",
    "load_cohort",
    "load_spec",
    "plan_cohort",
    "sample_subjects",
    "validate_cohort",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vct' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
