"""Hypothesis strategies: rules, distributions and whole specs that are right."""

from typing import Any

from hypothesis import strategies as st

RANGES = {
    "age_years": (18.0, 90.0),
    "height_m": (1.45, 2.0),
    "weight_kg": (40.0, 150.0),
    "bmi_kg_m2": (17.0, 45.0),
    "bsa_m2": (1.2, 2.9),
    "lbm_kg": (25.0, 100.0),
}


@st.composite
def numbers_of(draw: st.DrawFn, name: str) -> float:
    """A threshold near the values of a column."""
    low, high = RANGES[name]
    return round(draw(st.floats(low - 1, high + 1)), 2)


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(RANGES)))
    sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
    value = draw(numbers_of(name))
    return draw(
        st.sampled_from(
            [
                f"{name} {sign} {value}",
                f"{value} {sign} {name}",
                f"{value} <= {name} < {value + 5}",
                f"{name} in [{value}, {value + 1}]",
                f"{name} * 2 - {value} {sign} -{name} / 3 + {value}",
            ]
        )
    )


TEXT_TESTS = st.sampled_from(
    ["sex == 'F'", "sex != 'F'", "sex in ['F', 'M']", "sex not in ['M']", "'M' == sex"]
)

RULES = st.recursive(
    comparisons() | TEXT_TESTS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda t: f"{t[0]} and {t[1]}"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} or {t[1]})"),
        inner.map(lambda t: f"not ({t})"),
    ),
    max_leaves=4,
)

_FINITE = st.floats(20, 60).map(lambda x: round(x, 3))
_SDS = st.floats(0.5, 20).map(lambda x: round(x, 3))
_WEIGHTS = st.floats(0.1, 5)


def _bounds(kind: str, **more: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda low, width, **given: {
            "kind": kind,
            "low": low,
            "high": low + width,
            **given,
        },
        low=_FINITE,
        width=_SDS,
        **more,
    )


PLAIN = st.one_of(
    _FINITE,
    st.fixed_dictionaries({"kind": st.just("constant"), "value": _FINITE}),
    st.fixed_dictionaries({"kind": st.just("normal"), "mean": _FINITE, "sd": _SDS}),
    st.fixed_dictionaries({"kind": st.just("lognormal"), "mean": _FINITE, "sd": _SDS}),
    _bounds("uniform"),
    _bounds("truncated_normal", mean=_FINITE, sd=st.floats(6, 20)),
    st.fixed_dictionaries(
        {
            "kind": st.just("categorical"),
            "weights": st.dictionaries(_FINITE, _WEIGHTS, min_size=1, max_size=4),
        }
    ),
    st.lists(_FINITE, min_size=2, max_size=6, unique=True).flatmap(
        lambda edges: st.fixed_dictionaries(
            {
                "kind": st.just("histogram"),
                "edges": st.just(sorted(edges)),
                "counts": st.lists(
                    _WEIGHTS, min_size=len(edges) - 1, max_size=len(edges) - 1
                ),
            }
        )
    ),
)

MIXTURES = st.lists(
    st.fixed_dictionaries({"weight": _WEIGHTS, "draw": PLAIN}), min_size=1, max_size=3
).map(lambda components: {"kind": "mixture", "components": components})

DISTRIBUTIONS = st.recursive(
    PLAIN | MIXTURES,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"by_sex": st.fixed_dictionaries({"F": inner, "M": inner})}
        ),
        st.tuples(inner, inner).map(
            lambda t: {"by_age": [{"below": 50, "draw": t[0]}, {"draw": t[1]}]}
        ),
    ),
    max_leaves=3,
)


def spec_data(**changes: Any) -> dict[str, Any]:
    """Data of a small spec that is right, with some keys changed."""
    return {
        "version": 1,
        "name": "test",
        "seed": 7,
        "size": 20,
        "population": {
            "sex": {"kind": "categorical", "weights": {"F": 1, "M": 1}},
            "age_years": {"kind": "uniform", "low": 20, "high": 80},
            "bmi_kg_m2": {"kind": "lognormal", "mean": 27, "sd": 4},
        },
        "protocol": {"injected_mbq_per_kg": 4.0, "uptake_min": 60},
        **changes,
    }
