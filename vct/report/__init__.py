"""A cohort at a glance: previews of subjects and one self-contained HTML page."""

from vct.report.comparison_page import write_comparison
from vct.report.contact_sheet import write_contact_sheet
from vct.report.html import write_report
from vct.report.preview import write_preview, write_preview_of_volumes

__all__ = [
    "write_comparison",
    "write_contact_sheet",
    "write_preview",
    "write_preview_of_volumes",
    "write_report",
]
