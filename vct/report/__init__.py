"""A cohort at a glance: previews of subjects and one self-contained HTML page."""

from vct.report.html import write_report
from vct.report.preview import write_contact_sheet, write_preview

__all__ = ["write_contact_sheet", "write_preview", "write_report"]
