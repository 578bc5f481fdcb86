"""AutoPET as people hold it: found, judged and read; no torch.

``Survey`` finds the studies of a folder in any of their layouts; ``Study.read`` gives
CT in HU and PET in body-weight SUV. Every file that is not read is named with a reason.
"""

from vct.autopet.demographics import Demographics
from vct.autopet.header import PetHeader, SliceTiming
from vct.autopet.refusal import Problem, ScanError, SuvError
from vct.autopet.study import Study, StudyReport
from vct.autopet.survey import Survey
from vct.autopet.suv import SuvScaling, suv_scaling

__all__ = [
    "Demographics",
    "PetHeader",
    "Problem",
    "ScanError",
    "SliceTiming",
    "Study",
    "StudyReport",
    "Survey",
    "SuvError",
    "SuvScaling",
    "suv_scaling",
]
