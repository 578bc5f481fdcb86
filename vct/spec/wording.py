"""What pydantic finds wrong in a spec, in our words."""

import re
from collections.abc import Iterator
from typing import Any

from vct.spec.distributions import KINDS
from vct.spec.expression import suggestion
from vct.spec.part import Location

_SYNONYMS = {
    "gaussian": "normal",
    "truncnorm": "truncated_normal",
    "log_normal": "lognormal",
    "choice": "categorical",
    "empirical": "histogram",
    "fixed": "constant",
}


def message(item: dict[str, Any]) -> str:
    """Pydantic's finding in our words."""
    given, context = item.get("input"), item.get("ctx", {})
    match item["type"]:
        case "missing":
            return "missing"
        case "union_tag_not_found":
            return (
                f"must be a number or a distribution such as {{kind: normal, mean: 60, "
                f"sd: 10}}{_got(given)}"
            )
        case "union_tag_invalid":
            tag = str(context["tag"])
            near = _SYNONYMS.get(tag.lower())
            hint = f"did you mean '{near}'?" if near else suggestion(tag, KINDS)
            return f"unknown kind '{tag}'; {hint}"
        case "too_short" | "too_long":
            least, most = context.get("min_length"), context.get("max_length")
            limit = f"at least {least}" if least is not None else f"at most {most}"
            return f"must have {limit} items, has {context['actual_length']}"
        case "string_type":
            hint = "; quotes make it text" if _got(given) and given is not None else ""
            return f"must be text{_got(given)}{hint}"
        case "string_too_long":
            return (
                f"must have at most {context['max_length']} characters{_length(given)}"
            )
        case "string_too_short":
            return "must not be empty"
        case "literal_error":
            hint = suggestion(str(given), re.findall("'([^']+)'", context["expected"]))
            near = f"; {hint}" if hint.startswith("did") else ""
            return f"must be {context['expected']}{_got(given)}{near}"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            if isinstance(given, str) and not given.strip(" "):
                return f"must hold more than blanks{_got(given)}"
            return f"must hold no backslash and no control characters{_got(given)}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"must be keys with values{_got(given)}"
        case "tuple_type":
            return f"must be a list, such as [a, b] or lines with '- '{_got(given)}"
        case "path_type":
            return f"must be the name of one file, such as people.csv{_got(given)}"
        case "bool_type":
            return f"must be true or false{_got(given)}"
        case "date_type" | "date_from_datetime_inexact" | "date_from_datetime_parsing":
            return f"must be a date such as 2026-01-31{_got(given)}"
    text = str(item["msg"]).removeprefix("Input should ").removeprefix("be ")
    return f"must be {text}{_got(given)}" if text != item["msg"] else text


def _length(given: Any) -> str:
    return f", has {len(given)}" if isinstance(given, str) else ""


def _got(given: Any) -> str:
    if given is None:
        return ", but is empty"
    if isinstance(given, dict | list | tuple):
        return ""
    return f", not {given!r}" if isinstance(given, str) else f", not {_yaml(given)}"


def _yaml(given: Any) -> str:
    return str(given).lower() if isinstance(given, bool) else str(given)


def keys_beside(loc: Location) -> list[str]:
    """Keys the mapping of an unknown key may have, by walking the JSON Schema."""
    from vct.spec.schema import json_schema

    schema = json_schema()
    options: list[dict[str, Any]] = [schema]
    for part in loc[:-1]:
        stepped = [s for o in options for s in _step(schema, o, part)]
        options = stepped or options
    branches = (branch for option in options for branch in _branches(schema, option))
    return sorted({key for branch in branches for key in branch.get("properties", {})})


def _step(
    schema: dict[str, Any], option: dict[str, Any], part: str | int
) -> Iterator[dict[str, Any]]:
    """Schemas one key, item or tag further down."""
    for branch in _branches(schema, option):
        keys = branch.get("properties", {})
        is_tag = part in ("by_sex", "by_age") and part in keys  # and then the key
        if is_tag or part == keys.get("kind", {}).get("const"):
            yield branch
        if part in keys:
            yield keys[part]
        elif isinstance(part, int) and "items" in branch:
            yield branch["items"]
        elif isinstance(branch.get("additionalProperties"), dict):
            yield branch["additionalProperties"]


def _branches(
    schema: dict[str, Any], option: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """What a schema stands for: each of a union, else itself."""
    option = _resolved(schema, option)
    union = option.get("oneOf", []) + option.get("anyOf", [])
    for branch in union:
        yield from _branches(schema, branch)
    if not union:
        yield option


def _resolved(schema: dict[str, Any], option: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    if "$ref" in option:
        target: dict[str, Any] = schema["$defs"][option["$ref"].rsplit("/", 1)[1]]
        return target
    return option
