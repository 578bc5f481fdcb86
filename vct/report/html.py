"""One self-contained page: no request leaves it.

Its one script sorts and filters tables; the content security policy names that script
and the style sheet by their SHA-256 and forbids everything else.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.manifest import load_cohort
from vct.partial import written_beside
from vct.report.content import content
from vct.report.export import write_tables
from vct.report.page_table import verdicts_of
from vct.validation import Finding, read_findings
from vct.validation.comparison_tables import read_tables

if TYPE_CHECKING:
    import jinja2

REPORT_NAME = "report.html"


def write_report(out: str | Path, findings: Sequence[Finding] | None = None) -> Path:
    """Write ``report.html`` of a cohort, and its tables into ``report/tables``.

    The page is a function of the folder: the same folder gives the same bytes. It
    quotes the times in ``run.json``, so two builds differ where those do; the tables
    do not.

    Parameters
    ----------
    out
        Cohort folder.
    findings
        Of ``validate_cohort``; read from ``findings.json`` if left out.

    Raises
    ------
    CohortError
        If the folder is not a readable cohort, or was never validated.
    """
    cohort = load_cohort(out)
    findings = read_findings(cohort.path) if findings is None else list(findings)
    shown = content(cohort, findings, read_tables(cohort.path))
    return write_page(cohort.path, "report.html.j2", shown)


def write_page(out: Path, template: str, shown: Mapping[str, Any]) -> Path:
    """Write ``report.html`` in a folder, and the tables it shows.

    Parameters
    ----------
    template
        Its file among the templates.
    shown
        Everything the template shows; ``tables`` are ``PageTable`` by name.
    """
    page = _template(template).render(**_inlined(), **shown)
    write_tables(shown["tables"].values(), out)
    path = out / REPORT_NAME
    with written_beside(path) as partial:
        partial.write_bytes(page.encode("utf-8"))
    return path


@cache
def _template(name: str) -> "jinja2.Template":
    """A page's template; an unknown name in it is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vct.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["verdicts_of"] = verdicts_of
    return environment.get_template(name)


@cache
def _inlined() -> dict[str, str]:
    """Style sheet and script as they stand in the page, and the policy for them."""
    from markupsafe import Markup

    folder = resources.files("vct.report") / "templates"
    style = (folder / "report.css").read_text("utf-8")
    script = (folder / "tables.js").read_text("utf-8")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": policy}


def _hash(text: str) -> str:
    """Source expression of an inline text, by CSP Level 3."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
