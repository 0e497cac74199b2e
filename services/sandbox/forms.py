"""The form encoding of the gateway's wire: `metadata[order]=7` is {"metadata": {"order": "7"}}."""

import re
from typing import Any
from urllib.parse import parse_qsl

from services.sandbox.gateway_errors import invalid

Form = dict[str, Any]
MAX_FIELDS = 1000


def parse(text: str) -> Form:
    form: Form = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise invalid("Invalid form encoding.") from error
    for name, value in pairs:
        _put(form, [part for part in re.split(r"\[|\]", name) if part] or [name], value)
    return form


def _put(form: Form, path: list[str], value: str) -> None:
    for part in path[:-1]:
        form = form.setdefault(part, {})
        if not isinstance(form, dict):
            raise invalid(f"Invalid hash: {part}", param=part)
    form[path[-1]] = value


def allow(form: Form, *names: str) -> None:
    """Refuse what the endpoint does not know, as the real one does; `expand` changes nothing here."""
    for name in form:
        if name not in names and name != "expand":
            raise invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def text(form: Form, name: str, *, longest: int = 5000) -> str | None:
    value = form.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise invalid(f"Invalid string: {name}", param=name)
    return value


def required(form: Form, name: str) -> str:
    value = text(form, name)
    if value is None:
        raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return value


def integer(form: Form, name: str) -> int | None:
    value = text(form, name, longest=20)
    if value is None:
        return None
    if not re.fullmatch(r"-?[0-9]+", value):
        raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def boolean(form: Form, name: str) -> bool:
    value = text(form, name)
    if value not in (None, "true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return value == "true"


def metadata(form: Form) -> dict[str, str]:
    """Return the metadata within the gateway's limits: 50 keys of 40 characters, values of 500."""
    pairs = form.get("metadata") or {}
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise invalid("Invalid hash: metadata", param="metadata")
    if len(pairs) > 50 or any(len(key) > 40 or len(value) > 500 for key, value in pairs.items()):
        raise invalid("Metadata is limited to 50 keys of 40 characters and values of 500 characters.", param="metadata")
    return {key: value for key, value in pairs.items() if value}
