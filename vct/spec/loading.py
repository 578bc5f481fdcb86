"""YAML → CohortSpec; every problem at once, with file, line, column and caret."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vct.errors import SpecError
from vct.spec.cohort import CohortSpec
from vct.spec.distributions import KINDS
from vct.spec.expression import suggestion
from vct.spec.part import Location, Problem
from vct.spec.remaining import remaining
from vct.spec.wording import keys_beside, message

_MAX_NODES = 100_000  # a spec, not a bomb of aliases
_MAX_DEPTH = 50


@dataclass(frozen=True, order=True)
class _Problem:
    """Where (from 0), under which path, what."""

    line: int
    column: int
    path: str
    message: str


def load_spec(path: str | Path, spec_bytes: bytes | None = None) -> CohortSpec:
    """Read a cohort's spec.

    Parameters
    ----------
    spec_bytes
        What ``read_spec`` read there: a pipe can be read once only.

    Raises
    ------
    SpecError
        With every problem of the file, sorted by line: ``file:line:column  key:
        message``, the line itself and a caret.
    """
    path = Path(path)
    text = _text(path, read_spec(path) if spec_bytes is None else spec_bytes)
    document = _Document(path, text)
    if document.problems:
        raise document.error()
    try:
        return CohortSpec.model_validate(document.data, context={"folder": path.parent})
    except ValidationError as error:
        document.add(error)
        document.add_problems(remaining(document.data, error, path.parent))
    raise document.error()


def read_spec(path: Path) -> bytes:
    """Bytes of a spec's file.

    Raises
    ------
    SpecError
        If it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SpecError(
            f"{path}: there is no such file. 'vct new {path.name}' writes an example."
        ) from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from error


def _text(path: Path, spec_bytes: bytes) -> str:
    try:
        return spec_bytes.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path}: is not UTF-8 text (byte {error.start}). Is it a YAML file?"
        ) from None


class _Document:
    """A YAML text as plain data, with the place of every key and value."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.problems: set[_Problem] = set()
        self.data: Any = None
        self._yaml = YAML(typ="safe", pure=True)
        self._count = 0
        try:
            self.root = self._yaml.compose(text)
        except MarkedYAMLError as error:
            self._add_syntax(error)
            return
        except (YAMLError, ValueError) as error:
            self._problem(0, 0, "", f"is no YAML ({error})")
            return
        except RecursionError:
            self._problem(0, 0, "", f"is nested more than {_MAX_DEPTH} deep")
            return
        if self.root is None:
            raise SpecError(
                f"{path}: is empty. 'vct new other.yaml' writes an example to start "
                "from."
            )
        self.data = self._plain(self.root, ())
        if not self.problems and not isinstance(self.data, dict):
            self._problem(0, 0, "", "must be keys with values, such as 'version: 1'")

    def error(self) -> SpecError:
        """All problems as one error."""
        return SpecError("\n".join(map(self._show, sorted(self.problems))))

    def add(self, error: ValidationError) -> None:
        """Take over what pydantic found."""
        items = error.errors(include_url=False)
        for item in items:
            loc = item["loc"]
            match item["type"]:
                case "problems":
                    found = item["ctx"]["problems"]
                    self.add_problems(((*loc, *at), text) for at, text in found)
                case "extra_forbidden" | "invalid_key":
                    known = keys_beside(loc)
                    hint = f"; {suggestion(str(loc[-1]), known)}" if known else ""
                    self._at(loc, f"unknown key{hint}", on_key=True)
                case "union_tag_invalid":
                    self._at((*loc, "kind"), message(dict(item)))
                case "too_short" if any(_is_inside(loc, i["loc"]) for i in items):
                    pass  # items that are wrong themselves were not counted
                case _:
                    self._at(loc, message(dict(item)))

    def add_problems(self, found: Iterable[Problem]) -> None:
        """Take over problems that have their place and words."""
        for loc, text in found:
            self._at(loc, text)

    def _add_syntax(self, error: MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        what = str(error.problem or error.context or "cannot be understood")
        if "'\\t'" in what or "tab" in what:
            what += "; indent with spaces"
        context = f" {error.context}" if error.context and error.problem else ""
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        self._problem(line, column, "", f"is no YAML{context}: {what}")

    def _plain(self, node: Node, above: tuple[Node, ...]) -> Any:
        """Node as dict, list or scalar."""
        self._count += 1
        if any(node is parent for parent in above) or len(above) > _MAX_DEPTH:
            self._mark(node, "is nested in itself, or too deeply")
            return None
        if self._count > _MAX_NODES:
            raise SpecError(f"{self.path}: has more than {_MAX_NODES} values")
        if isinstance(node, MappingNode):
            return self._mapping(node, above)
        if isinstance(node, SequenceNode):
            return [self._plain(child, (*above, node)) for child in node.value]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, above: tuple[Node, ...]) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        first: dict[Any, Node] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if isinstance(key, bool) or not isinstance(key, str | int | float):
                self._mark(key_node, "a key must be a word or a number")
                continue
            if key in first:
                line = first[key].start_mark.line + 1
                self._mark(key_node, f"'{key}' is there twice; first in line {line}")
            first.setdefault(key, key_node)
            data[key] = self._plain(value_node, (*above, node))
        return data

    def _scalar(self, node: Node) -> Any:
        try:
            return self._yaml.constructor.construct_object(node, deep=True)
        except (YAMLError, LookupError, ValueError, TypeError, OverflowError):
            what = f"with the tag {node.tag} is not understood"
            if str(node.tag).endswith(":timestamp"):
                what = "is no date; one such as 2026-01-31 is"
            self._mark(node, f"{node.value!r} {what}")
            return None

    def _mark(self, node: Node, message: str) -> None:
        self._problem(node.start_mark.line, node.start_mark.column, "", message)

    def _at(self, loc: Location, message: str, *, on_key: bool = False) -> None:
        line, column, path = self.locate(loc, on_key=on_key)
        self._problem(line, column, path, message)

    def _problem(self, line: int, column: int, path: str, message: str) -> None:
        self.problems.add(_Problem(line, column, path, message))

    def locate(self, loc: Location, *, on_key: bool = False) -> tuple[int, int, str]:
        """Line and column (from 0) and dotted path of what pydantic calls ``loc``.

        The tag of a union names no key of the document and is passed over; a missing
        key is reported at the mapping that should hold it.
        """
        node, place, path = self.root, self.root, ""
        for depth, part in enumerate(loc):
            last = depth == len(loc) - 1
            found = _child(node, part)
            if found is None:
                if last and isinstance(part, str) and not _is_tag(part):
                    path += f".{part}"
                continue
            key, node = found
            on_value = isinstance(node, ScalarNode) and not _is_nothing(node)
            at_key = (last and on_key) or not on_value
            place = key if key is not None and at_key else node
            path += f"[{part}]" if key is None else f".{part}"
        mark = place.start_mark
        return mark.line, mark.column, path.lstrip(".")

    def _show(self, problem: _Problem) -> str:
        where = f"{self.path}:{problem.line + 1}:{problem.column + 1}"
        path = f"{problem.path}: " if problem.path else ""
        head = f"{where}  {path}{problem.message}"
        if problem.line >= len(self.lines):
            return head
        line = self.lines[problem.line].replace("\t", " ")
        number = f"{problem.line + 1:5d} | "
        caret = " " * (len(number) - 2) + "| " + " " * problem.column + "^"
        return f"{head}\n{number}{line.rstrip()}\n{caret}"


def _is_inside(outer: Location, loc: Location) -> bool:
    return len(loc) > len(outer) and loc[: len(outer)] == outer


def _is_nothing(node: Node) -> bool:
    """Whether a value is left empty, so that nothing stands at its place."""
    return bool(node.start_mark.index == node.end_mark.index)


def _child(node: Node, part: str | int) -> tuple[Node | None, Node] | None:
    """Key and value of a mapping, or the item of a sequence."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and _same(key.value, part):
                return key, value
    if isinstance(node, SequenceNode) and isinstance(part, int):
        return None, node.value[part]
    return None


def _same(text: str, part: str | int | float) -> bool:
    if text == str(part):
        return True
    try:
        return float(text) == float(part)
    except ValueError:
        return False


_TAGS = {*KINDS, "number", "by_sex", "by_age", "letter", "shares", "word", "[key]"}


def _is_tag(part: str) -> bool:
    """Whether a part of ``loc`` only names the branch of a union."""
    return part in _TAGS or not part.isidentifier() or part[0].isupper()
