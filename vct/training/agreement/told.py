"""Of how many subjects the segmenter told an organ's numbers, in each set."""

from collections.abc import Iterator

from vct.training.agreement.row import Row
from vct.training.agreement.tables import LISTED, Measured


def told_rows(measured: Measured) -> Iterator[Row]:
    """Share of subjects with a volume [%]: the other figures are of these only."""
    for group in measured.groups:
        shares = {
            name: 100
            * measured.values.loc[measured.of(name, group).index].notna().mean()
            for name in ("generated", "fresh", "population")
        }
        for organ in LISTED:
            key = (organ, "volume_ml")
            if key not in measured.values.columns:
                continue
            yield Row(
                part="moments",
                statistic="share of subjects told",
                group=group,
                organ=organ,
                quantity="volume_ml",
                unit="%",
                n=len(measured.of("generated", group)),
                value=float(shares["generated"][key]),
                chance=float(shares["fresh"][key]) if measured.has("fresh") else None,
                note=f"population {shares['population'][key]:.1f} %",
            )
