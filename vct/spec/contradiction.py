"""Rules that nobody can meet, found before anybody is drawn.

Each column has a box: an interval, or a set of texts. A rule that must hold narrows the
boxes; two rules that leave nothing between them contradict each other. What is not
found here is found by drawing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vct.spec.expression import (
    TEXTS,
    Among,
    Arithmetic,
    Both,
    Compare,
    Either,
    Literal,
    Name,
    Node,
    Not,
)

_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Bound:
    """End of an interval, whether it belongs to it, and what set it."""

    value: float
    closed: bool
    source: str


@dataclass
class Interval:
    """Values a number may still have."""

    low: Bound
    high: Bound

    def conflict(self) -> tuple[str, str] | None:
        """The two sources that leave nothing between them."""
        low, high = self.low, self.high
        meets = low.value == high.value and low.closed and high.closed
        if low.value < high.value or meets:
            return None
        return low.source, high.source

    def narrow(self, sign: str, value: float, source: str) -> None:
        """Apply one comparison with a number."""
        closed = sign in ("<=", ">=", "==")
        if sign in (">", ">=", "=="):
            self.low = max(self.low, Bound(value, closed, source), key=_strictness_low)
        if sign in ("<", "<=", "=="):
            self.high = min(
                self.high, Bound(value, closed, source), key=_strictness_high
            )


def _strictness_low(bound: Bound) -> tuple[float, bool]:
    return bound.value, not bound.closed


def _strictness_high(bound: Bound) -> tuple[float, bool]:
    return bound.value, bound.closed


class Contradiction(Exception):  # noqa: N818 (a finding, not a failure)
    """Two sources that cannot both hold; equal when one cannot hold alone."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first, second)
        self.pair = (first, second)


Ranges = Mapping[str, tuple[float, float, str]]
"""Lowest and highest value of a column and what says so."""

Choices = Mapping[str, tuple[Iterable[str], str]]
"""Texts a column can have and what says so."""


def find_contradictions(
    rules: Sequence[tuple[str, Node]],
    ranges: Ranges,
    texts: Choices,
) -> list[tuple[str, str]]:
    """Pairs of sources that cannot both hold.

    Parameters
    ----------
    rules
        Text and tree of each rule; all must hold.
    ranges
        What population and quota give each number.
    texts
        What population and quota give each text column.
    """
    empty = [source for low, high, source in ranges.values() if not low <= high]
    if empty:
        return [(source, source) for source in empty]
    pairs: list[tuple[str, str]] = []
    left = list(rules)
    while (found := _first_contradiction(left, ranges, texts)) is not None:
        at, pair = found
        pairs.append(pair)
        del left[at]
    return pairs


def _first_contradiction(
    rules: Sequence[tuple[str, Node]],
    ranges: Ranges,
    texts: Choices,
) -> tuple[int, tuple[str, str]] | None:
    """Index of the first rule that contradicts one before it, and both."""
    boxes = {
        name: Interval(Bound(low, True, source), Bound(high, True, source))
        for name, (low, high, source) in ranges.items()
    }
    choices = {name: (set(values), source) for name, (values, source) in texts.items()}
    later: list[tuple[int, str, Node]] = []
    for at, (source, node) in enumerate(rules):
        for atom in _atoms(node):
            try:
                if not _narrow(atom, source, boxes, choices):
                    later.append((at, source, atom))
            except Contradiction as found:
                return at, found.pair
    for at, source, atom in later:
        if not _can_hold(atom, boxes, choices):
            return at, (source, source)
    return None


def _atoms(node: Node) -> list[Node]:
    """What must hold, each on its own."""
    match node:
        case Both(rules):
            return [atom for rule in rules for atom in _atoms(rule)]
        case Not(Not(rule)):
            return _atoms(rule)
        case Not(Either(rules)):
            return [atom for rule in rules for atom in _atoms(Not(rule))]
        case Not(Compare(sign, left, right)):
            return [Compare(_NEGATED[sign], left, right)]
    return [node]


def _narrow(
    atom: Node,
    source: str,
    boxes: dict[str, Interval],
    choices: dict[str, tuple[set[str], str]],
) -> bool:
    """Narrow the boxes by a simple comparison; False if it is not a simple one."""
    match atom:
        case Compare(sign, Literal(value), Name(name)):
            return _narrow(
                Compare(_MIRROR[sign], Name(name), Literal(value)),
                source,
                boxes,
                choices,
            )
        case Compare(sign, Name(name), Literal(str() as value)) if name in choices:
            _keep(name, {value}, sign == "==", source, choices)
            return True
        case Among(Name(name), values) if name in choices:
            _keep(name, set(map(str, values)), True, source, choices)
            return True
        case Not(Among(Name(name), values)) if name in choices:
            _keep(name, set(map(str, values)), False, source, choices)
            return True
        case Compare(sign, Name(name), Literal(float() as value)) if sign != "!=":
            box = boxes.setdefault(name, _anything())
            box.narrow(sign, value, source)
            if (pair := box.conflict()) is not None:
                raise Contradiction(*pair)
            return True
    return False


def _keep(
    name: str,
    values: set[str],
    wanted: bool,
    source: str,
    choices: dict[str, tuple[set[str], str]],
) -> None:
    """Keep the texts that are wanted, or all others."""
    known, before = choices[name]
    left = known & values if wanted else known - values
    if not left:
        raise Contradiction(before, source)
    choices[name] = (left, source)


def _anything() -> Interval:
    return Interval(Bound(-math.inf, True, ""), Bound(math.inf, True, ""))


def _can_hold(
    node: Node, boxes: dict[str, Interval], choices: dict[str, tuple[set[str], str]]
) -> bool:
    """False only where the boxes rule the node out."""
    match node:
        case Both(rules):
            return all(_can_hold(rule, boxes, choices) for rule in rules)
        case Either(rules):
            return any(_can_hold(rule, boxes, choices) for rule in rules)
        case Compare(sign, Name(name), Literal(str() as text)) if name in TEXTS:
            known = choices.get(name)
            if known is None:
                return True
            return text in known[0] if sign == "==" else bool(known[0] - {text})
        case Compare(sign, left, right):
            return _may_compare(sign, _range(left, boxes), _range(right, boxes))
        case Among(Name(name), values) if name in choices:
            return bool(choices[name][0] & set(map(str, values)))
        case Among(value, values):
            low, high = _range(value, boxes)
            return any(isinstance(v, str) or low <= v <= high for v in values)
    return True


def _may_compare(
    sign: str, left: tuple[float, float], right: tuple[float, float]
) -> bool:
    if any(map(math.isnan, (*left, *right))):
        return True
    match sign:
        case "<":
            return left[0] < right[1]
        case "<=":
            return left[0] <= right[1]
        case ">":
            return left[1] > right[0]
        case ">=":
            return left[1] >= right[0]
        case "==":
            return left[0] <= right[1] and right[0] <= left[1]
    return not (left[0] == left[1] == right[0] == right[1])


def _range(node: Node, boxes: dict[str, Interval]) -> tuple[float, float]:
    """Lowest and highest value of an expression, by interval arithmetic."""
    everything = (-math.inf, math.inf)
    match node:
        case Literal(float() as value):
            return value, value
        case Name(name):
            box = boxes.get(name)
            return everything if box is None else (box.low.value, box.high.value)
        case Arithmetic(sign, left, right):
            a, b = _range(left, boxes), _range(right, boxes)
            if not all(map(math.isfinite, (*a, *b))):
                return everything
            if sign == "/" and b[0] <= 0 <= b[1]:
                return everything
            pairs = [(x, y) for x in a for y in b]
            match sign:
                case "+":
                    values = [x + y for x, y in pairs]
                case "-":
                    values = [x - y for x, y in pairs]
                case "*":
                    values = [x * y for x, y in pairs]
                case _:
                    values = [x / y for x, y in pairs]
            return min(values), max(values)
    return everything
