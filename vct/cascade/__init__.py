"""Subject to PET/CT: the two-stage cascade."""

from vct.cascade.cascade import (
    Cascade,
    GeneratedSubject,
    SamplerOptions,
    StageSampler,
    best_precision,
    load_segmenter,
)

__all__ = [
    "Cascade",
    "GeneratedSubject",
    "SamplerOptions",
    "StageSampler",
    "best_precision",
    "load_segmenter",
]
