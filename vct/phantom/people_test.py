"""The people test: drawn and rendered phantoms against measured people.

    python -m vct.phantom.people_test DATA --json people.json --table people.md \
        --plots docs/images --rendered 1

DATA holds ``hedypet/`` and ``autopet/`` as for ``vct.phantom.fitting``. The outputs
hold means, spreads and verdicts, no person's values. With ``--rendered N`` the same
comparison is made once more with N rendered phantoms a person, measured on a 4 mm grid
with their own labels.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from vct.grid import whole_body_grid
from vct.phantom import agreement
from vct.phantom.demographics import Demographics
from vct.phantom.measured_people import (
    activity_share,
    measured_people,
    partial_volumes_ml,
)
from vct.phantom.reading import Reading, read_phantom

SCAN_MM = 1060.0  # axial field of the people's scans


def people_test(data: Path, *, draws: int, rendered: int, seed: int) -> dict[str, Any]:
    """Every comparison, as tables.

    Keys: ``moments slopes correlations autopet held_out summary``, and with rendered
    phantoms ``rendered`` (moments), ``read_over_drawn`` and ``partial_volumes``.
    """
    people, measured = measured_people(data)
    who, drawn = agreement.drawn_people(people, draws, seed)
    pairs, drawn_pairs = agreement.with_pairs(measured), agreement.with_pairs(drawn)
    found: dict[str, Any] = {
        "moments": agreement.compare_moments(people, pairs, who, drawn_pairs),
        "slopes": agreement.compare_slopes(people, pairs, who, drawn_pairs),
        "correlations": agreement.compare_correlations(measured, drawn),
        "autopet": agreement.compare_autopet(data, draws * len(people), seed),
        "held_out": agreement.held_out_means(people, measured, seed),
    }
    found["summary"] = summary(found)
    put_chance_beside(found["summary"], people, drawn_pairs, draws, draws - 1)
    if rendered:
        readings = _readings(people, rendered, seed)
        found |= compare_rendered(people, measured, readings)
        moments = found["rendered"]
        found["summary"] |= {
            "rendered_means": _share(moments[~moments.moved].mean_agrees),
            "rendered_sds": _share(moments.sd_agrees),
            "activity_share": _shares(readings, data),
        }
        read = drawn_pairs[moments.quantity.unique()]
        put_chance_beside(found["summary"], people, read, draws, rendered, "rendered_")
        scans = data / "hedypet" / "organs.csv"
        found["partial_volumes"] = partial_volumes(people, readings, scans)
    return found


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """How many comparisons agree, by kind."""
    moments, pairs = found["moments"], found["correlations"]
    judged = moments[~moments.moved]
    return {
        "means": _share(judged.mean_agrees),
        "sds": _share(moments.sd_agrees),
        "slopes": _share(found["slopes"].agrees),
        "largest_correlations": _share(pairs.agrees[: agreement.LARGEST_PAIRS]),
        "all_correlations": _share(pairs.agrees),
        "autopet_means": _share(found["autopet"].agrees),
        "held_out_means": _share(found["held_out"].agrees)
        | {"expected_share": round(agreement.expected_share(), 3)},
    }


def put_chance_beside(
    counts: dict[str, Any],
    people: Sequence[Demographics],
    drawn: pd.DataFrame,
    draws: int,
    compared: int,
    prefix: str = "",
) -> None:
    """Put beside the shares of means and SDs what chance alone would leave of them."""
    shares = agreement.shares_by_chance(people, drawn, draws, compared)
    for name, share in shares.items():
        counts[prefix + name]["expected_share"] = round(share, 3)


def _share(agrees: pd.Series) -> dict[str, Any]:
    return {"agree": int(agrees.astype(bool).sum()), "of": len(agrees)}


def _readings(
    people: Sequence[Demographics], rendered: int, seed: int
) -> list[tuple[int, Reading]]:
    """``rendered`` phantoms of each person, with the person's number."""
    grid = whole_body_grid(4.0)
    return [
        (n, read_phantom(person, grid, seed, "people test", n, k, scan_mm=SCAN_MM))
        for n, person in enumerate(people)
        for k in range(rendered)
    ]


def compare_rendered(
    people: Sequence[Demographics],
    measured: pd.DataFrame,
    readings: Sequence[tuple[int, Reading]],
) -> dict[str, Any]:
    """Rendered phantoms against people, and what was read against what was drawn."""
    who = [people[n] for n, _ in readings]
    read = pd.DataFrame([r.read() for _, r in readings])
    drawn = pd.DataFrame([r.drawn for _, r in readings])
    names = measured.columns.intersection(read.columns)
    read, drawn = (agreement.with_pairs(t[names]) for t in (read, drawn))
    ratio = read.mean() / drawn.mean()
    scatter = np.log(read / drawn).std()
    compared = pd.DataFrame(
        {
            "quantity": ratio.index,
            "read_over_drawn": ratio.to_numpy(),
            "scatter": scatter.to_numpy(),
            "sd_ratio": (read.std() / drawn.std()).to_numpy(),
        }
    )
    pairs = agreement.with_pairs(measured[names])
    moments = agreement.compare_moments(people, pairs, who, read)
    return {"rendered": moments, "read_over_drawn": compared}


def _shares(readings: Sequence[tuple[int, Reading]], data: Path) -> dict[str, float]:
    ours = np.array([r.activity_share for _, r in readings])
    theirs = activity_share(data)
    return {
        "phantoms_mean": float(ours.mean()),
        "phantoms_sd": float(ours.std(ddof=1)),
        "phantoms_max": float(ours.max()),
        "people_mean": float(theirs.mean()),
        "people_sd": float(theirs.std(ddof=1)),
        "people_max": float(theirs.max()),
    }


def partial_volumes(
    people: Sequence[Demographics],
    readings: Sequence[tuple[int, Reading]],
    scans: Path,
) -> pd.DataFrame:
    """Volumes that a scan cuts, over the people's axial range from the vertex [mL].

    No verdict: where the people's scans begin, and how much of the arms they hold, is
    not published.
    """
    theirs = partial_volumes_ml(scans)
    ours = pd.DataFrame([r.scan_volume_ml for _, r in readings])
    who = np.array([people[n].sex for n, _ in readings])
    sexes = np.array([p.sex for p in people])
    rows = []
    for name in theirs.columns.intersection(ours.columns):
        for sex in ("F", "M"):
            real, made = theirs.loc[sexes == sex, name], ours.loc[who == sex, name]
            rows.append(
                {
                    "quantity": name,
                    "sex": sex,
                    "people_mean": real.mean(),
                    "people_sd": real.std(),
                    "phantoms_mean": made.mean(),
                    "phantoms_sd": made.std(),
                }
            )
    return pd.DataFrame(rows)


def as_markdown(found: dict[str, Any]) -> str:
    """The moments as a table for the documentation."""
    lines = [
        "| quantity | sex | people | draws | difference [SE] | people's SD "
        "(95 % interval) | draws' SD |",
        "|---|---|---|---|---|---|---|",
    ]
    for _, row in found["moments"].iterrows():
        digits = 0 if row["people_mean"] >= 20 else 2
        mean, ours, sd, low, high, spread = (
            f"{row[name]:.{digits}f}"
            for name in ("people_mean", "draws_mean", "people_sd", "people_sd_low",
                         "people_sd_high", "draws_sd")
        )  # fmt: skip
        name = row["quantity"] + (" †" if row["moved"] else "")
        mark = "" if row["sd_agrees"] else " ✗"
        lines.append(
            f"| {name} | {row['sex']} | {mean} | {ours} | "
            f"{row['difference_se']:+.2f} | {sd} ({low}–{high}) | {spread}{mark} |"
        )
    return "\n".join(lines) + "\n"


def as_json(found: dict[str, Any]) -> str:
    """All tables as rows; the correlations' largest pairs only."""
    out = {}
    for name, table in found.items():
        if isinstance(table, pd.DataFrame):
            shown = (
                table[: agreement.LARGEST_PAIRS] if name == "correlations" else table
            )
            out[name] = json.loads(shown.to_json(orient="records", double_precision=4))
        else:
            out[name] = table
    return json.dumps(out, indent=1) + "\n"


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Phantoms against measured people.")
    parser.add_argument("data", type=Path, help="folder with hedypet/ and autopet/")
    parser.add_argument("--draws", type=int, default=100, help="a person")
    parser.add_argument("--rendered", type=int, default=0, help="phantoms a person")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path, help="Markdown")
    parser.add_argument("--plots", type=Path, help="folder for phantom-*.png")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.draws <= max(args.rendered, 1):
        parser.error("--draws must be above --rendered, and at least 2.")
    found = people_test(
        args.data, draws=args.draws, rendered=args.rendered, seed=args.seed
    )
    if args.json:
        args.json.write_text(as_json(found))
    if args.table:
        args.table.write_text(as_markdown(found))
    if args.plots:
        from vct.phantom.agreement_plots import write_plots

        write_plots(found, args.plots)
    print(json.dumps(found["summary"], indent=1))


if __name__ == "__main__":
    main()
