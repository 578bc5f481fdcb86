"""What the user asks for: the YAML, its checks, its schema."""

from vct.spec.cohort import CohortSpec
from vct.spec.loading import load_spec, read_spec
from vct.spec.population import ArmSpec, Correlation, Population, Quota, Strata
from vct.spec.presets import Preset, find_preset
from vct.spec.protocol import Model, Output, Protocol, Sampler
from vct.spec.schema import cohorts_folder, example, example_table, json_schema

__all__ = [
    "ArmSpec",
    "CohortSpec",
    "Correlation",
    "Model",
    "Output",
    "Population",
    "Preset",
    "Protocol",
    "Quota",
    "Sampler",
    "Strata",
    "cohorts_folder",
    "example",
    "example_table",
    "find_preset",
    "json_schema",
    "load_spec",
    "read_spec",
]
