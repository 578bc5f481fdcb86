"""Which separator and decimal sign a spreadsheet saved a CSV with."""

from dataclasses import dataclass
from typing import Self

_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class CsvDialect:
    """What parts the columns of a CSV, and so whether numbers may have a comma."""

    separator: str

    @classmethod
    def of(cls, header: str) -> Self:
        """Comma, semicolon or tab, whichever the header has most of.

        Examples
        --------
        >>> CsvDialect.of("sex;age_years").with_point("63,5")
        '63.5'
        """
        return cls(max(_SEPARATORS, key=header.count))

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma may stand in a number: it does not part columns."""
        return self.separator != ","

    def with_point(self, words: str) -> str:
        """Words of a number with a decimal point."""
        return words.replace(",", ".") if self.decimal_comma else words
