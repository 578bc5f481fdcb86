"""Eligibility rules: a small grammar over the columns of a subject, never ``eval``.

    rule        =  both { "or" both }
    both        =  negation { "and" negation }
    negation    =  "not" negation | test
    test        =  sum { ("<" | "<=" | ">" | ">=" | "==" | "!=") sum }
                |  sum [ "not" ] "in" "[" value { "," value } "]"
    sum         =  product { ("+" | "-") product }
    product     =  factor { ("*" | "/") factor }
    factor      =  "-" factor | number | text | name | "(" rule ")"

A chain such as ``18 <= age_years < 65`` means both comparisons. Values are numbers or,
for ``sex`` and ``diagnosis``, text in quotes.
"""

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

NUMBERS = {
    "age_years": "years",
    "height_m": "m",
    "weight_kg": "kg",
    "bmi_kg_m2": "kg/m²",
    "bsa_m2": "m²",
    "lbm_kg": "kg",
}
TEXTS = {"sex": ("F", "M"), "diagnosis": None}
MAX_LENGTH = 500  # a rule, not a program
MAX_DEPTH = 20  # of parentheses, 'not' and '-'

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![A-Za-z_0-9.])"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign><=|>=|==|!=|[-+*/<>()\[\],]))"
)
_WORDS = ("and", "or", "not", "in")


@dataclass(frozen=True)
class Literal:
    """A number or a text."""

    value: float | str


@dataclass(frozen=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers and a sign."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Compare:
    """One comparison."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Among:
    """A value that is one of several."""

    value: "Node"
    choices: tuple[float | str, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    rule: "Node"


@dataclass(frozen=True)
class Both:
    """All of several rules."""

    rules: tuple["Node", ...]


@dataclass(frozen=True)
class Either:
    """At least one of several rules."""

    rules: tuple["Node", ...]


Node = Literal | Name | Arithmetic | Compare | Among | Not | Both | Either


def parse(text: str) -> Node:
    """Tree of a rule.

    Raises
    ------
    ValueError
        With what is wrong, at which character, and what would be right.

    Examples
    --------
    >>> parse("age_years >= 18")
    Compare(sign='>=', left=Name(name='age_years'), right=Literal(value=18.0))
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters; write several rules")
    parser = _Parser(text)
    node = parser.rule()
    if parser.word != "":
        raise parser.error(f"'{parser.word}' is not expected here")
    if not _is_rule(node):
        raise ValueError(f"{text!r} is a value, not a condition; compare it")
    return node


def evaluate(node: Node, columns: Mapping[str, Any]) -> Any:
    """Value of a rule for each row.

    Parameters
    ----------
    columns
        Arrays of equal length by name, or a DataFrame.

    Returns
    -------
    numpy.ndarray
        True where the rule holds.
    """
    import numpy as np

    match node:
        case Literal(value):
            return value
        case Name(name):
            return np.asarray(columns[name])
        case Arithmetic(sign, left, right):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                return _ARITHMETIC[sign](
                    np.asarray(evaluate(left, columns), float),
                    np.asarray(evaluate(right, columns), float),
                )
        case Compare(sign, left, right):
            return np.asarray(
                COMPARE[sign](evaluate(left, columns), evaluate(right, columns))
            )
        case Among(value, choices):
            found = evaluate(value, columns)
            return reduce(np.logical_or, [found == choice for choice in choices])
        case Not(rule):
            return np.logical_not(evaluate(rule, columns))
        case Both(rules):
            return reduce(np.logical_and, [evaluate(r, columns) for r in rules])
        case Either(rules):
            return reduce(np.logical_or, [evaluate(r, columns) for r in rules])


def suggestion(word: str, possible: Any) -> str:
    """The nearest known word as a question, or all of them."""
    known = sorted(map(str, possible))
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5) or [
        name for name in known if name.split("_")[0] == word
    ]
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known are {', '.join(known)}"


class _Parser:
    """Recursive descent, one function per line of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        self.depth = 0
        self.advance()

    def advance(self) -> None:
        """Step to the next token; ``word`` is empty at the end."""
        rest = self.text[self.end :]
        self.start = self.end + len(rest) - len(rest.lstrip())
        self.kind, self.word = "end", ""
        if not rest.strip():
            return
        token = _TOKEN.match(self.text, self.end)
        if token is None or token.lastgroup is None:
            bad = self.text[self.start]
            hint = "; equality is '=='" if bad == "=" else ""
            raise self.error(f"{bad!r} is not understood{hint}")
        self.kind, self.word = token.lastgroup, token[token.lastgroup]
        self.end = token.end()

    def error(self, message: str) -> ValueError:
        """Error that points at the current token."""
        return ValueError(f"{message} (character {self.start + 1} of {self.text!r})")

    def accept(self, *words: str) -> str | None:
        """Take the current token if it is one of these."""
        if self.kind in ("name", "sign") and self.word in words:
            word = self.word
            self.advance()
            return word
        return None

    def expect(self, word: str) -> None:
        if self.accept(word) is None:
            found = f"'{self.word}'" if self.word else "the end"
            raise self.error(f"'{word}' is expected, not {found}")

    def deeper(self, part: Callable[[], Node]) -> Node:
        """A part within a part, to a depth."""
        if self.depth == MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep; write several rules")
        self.depth += 1
        node = part()
        self.depth -= 1
        return node

    def rule(self) -> Node:
        return self._joined("or", self.both, Either)

    def both(self) -> Node:
        return self._joined("and", self.negation, Both)

    def _joined(self, word: str, part: Callable[[], Node], kind: Any) -> Node:
        rules = [part()]
        while self.word == word:
            self.require_rule(rules[-1])
            self.advance()
            rules.append(part())
            self.require_rule(rules[-1])
        return rules[0] if len(rules) == 1 else kind(tuple(rules))

    def negation(self) -> Node:
        if self.accept("not"):
            rule = self.deeper(self.negation)
            self.require_rule(rule)
            return Not(rule)
        return self.test()

    def test(self) -> Node:
        left = self.sum()
        if self.word in ("in", "not"):
            return self._among(left)
        tests: list[Node] = []
        while (sign := self.accept(*COMPARE)) is not None:
            right = self.sum()
            self._require_comparable(sign, left, right)
            tests.append(Compare(sign, left, right))
            left = right
        if not tests:
            return left
        return tests[0] if len(tests) == 1 else Both(tuple(tests))

    def _among(self, value: Node) -> Node:
        negated = self.accept("not") is not None
        self.expect("in")
        self.expect("[")
        choices = [self._choice(value)]
        while self.accept(","):
            choices.append(self._choice(value))
        self.expect("]")
        among = Among(value, tuple(choices))
        return Not(among) if negated else among

    def _choice(self, value: Node) -> float | str:
        choice = self.factor()
        if not isinstance(choice, Literal):
            raise self.error("a list holds numbers or texts in quotes")
        self._require_comparable("==", value, choice)
        return choice.value

    def sum(self) -> Node:
        return self._arithmetic(self.product, "+", "-")

    def product(self) -> Node:
        return self._arithmetic(self.factor, "*", "/")

    def _arithmetic(self, part: Callable[[], Node], *signs: str) -> Node:
        left = part()
        while (sign := self.accept(*signs)) is not None:
            right = part()
            for node in (left, right):
                if _is_rule(node) or _text_of(node) is not None:
                    raise self.error(f"'{sign}' needs numbers on both sides")
            left = Arithmetic(sign, left, right)
        return left

    def factor(self) -> Node:
        kind, word = self.kind, self.word
        if self.accept("-"):
            inner = self.deeper(self.factor)
            if isinstance(inner, Literal) and isinstance(inner.value, float):
                return Literal(-inner.value)
            if _is_rule(inner) or _text_of(inner) is not None:
                raise self.error("'-' needs a number")
            return Arithmetic("-", Literal(0.0), inner)
        if self.accept("("):
            inner = self.deeper(self.rule)
            self.expect(")")
            return inner
        if kind == "number":
            self.advance()
            return Literal(float(word))
        if kind == "text":
            self.advance()
            return Literal(word[1:-1])
        if kind == "name" and word not in _WORDS:
            return self._name(word)
        found = f"'{word}'" if word else "the end"
        raise self.error(f"a number or a column is expected, not {found}")

    def _name(self, word: str) -> Node:
        if word in (TEXTS["sex"] or ()):
            raise self.error(f"text needs quotes: '{word}'")
        if word not in NUMBERS and word not in TEXTS:
            hint = suggestion(word, [*NUMBERS, *TEXTS])
            raise self.error(f"unknown column '{word}'; {hint}")
        self.advance()
        return Name(word)

    def require_rule(self, node: Node) -> None:
        if not _is_rule(node):
            raise self.error("'and', 'or' and 'not' join conditions, not values")

    def _require_comparable(self, sign: str, left: Node, right: Node) -> None:
        if _is_rule(left) or _is_rule(right):
            raise self.error("a condition cannot be compared; use 'and'")
        texts = (_text_of(left), _text_of(right))
        if (texts[0] is None) != (texts[1] is None):
            raise self.error("text and number cannot be compared")
        if texts[0] is None:
            return
        if sign not in ("==", "!="):
            raise self.error(f"text is compared with == or !=, not '{sign}'")
        for name, literal in ((left, right), (right, left)):
            if isinstance(name, Name) and isinstance(literal, Literal):
                allowed = TEXTS[name.name]
                if allowed is not None and literal.value not in allowed:
                    choice = " or ".join(f"'{a}'" for a in allowed)
                    raise self.error(
                        f"{name.name} is {choice}, never {literal.value!r}"
                    )


def _is_rule(node: Node) -> bool:
    return isinstance(node, Compare | Among | Not | Both | Either)


def _text_of(node: Node) -> str | None:
    """Text or name of a text column; None for what is a number."""
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    if isinstance(node, Name) and node.name in TEXTS:
        return node.name
    return None
