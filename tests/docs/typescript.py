"""`frontend/client/commands.ts`: every command's payload as a TypeScript type, written by `make docs`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapters.settings.table import ROOT
from tasks.catalogue import catalogue

FILE = ROOT / "frontend" / "client" / "commands.ts"

_WORDS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}

HEAD = """/** Generated from the commands' own schemas by `make docs`. Not to be edited. */

/** The payload of each command, by its type. */
export interface Commands {
"""


def commands() -> str:
    """The whole file."""
    return HEAD + "".join(_members()) + "}\n\nexport type CommandType = keyof Commands;\n"


def _members() -> Iterator[str]:
    for name, spec in sorted(catalogue().items()):
        if spec.internal:
            continue
        (schema,), parts = msgspec.json.schema_components([spec.payload], ref_template="{name}")
        yield f"  {json.dumps(name)}: {_type(schema, parts, '  ')};\n"


def _type(schema: Mapping[str, Any], parts: Mapping[str, Any], indent: str) -> str:
    if "$ref" in schema:
        return _type(parts[schema["$ref"]], parts, indent)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one, parts, indent) for one in schema["anyOf"]))
    match schema.get("type"):
        case "array":
            inner = _type(schema.get("items", {}), parts, indent)
            return f"({inner})[]" if " | " in inner else f"{inner}[]"
        case "object" if "properties" in schema:
            return _object(schema, parts, indent)
        case "object":
            return "Record<string, unknown>"
        case word:
            return _WORDS.get(str(word), "unknown")


def _object(schema: Mapping[str, Any], parts: Mapping[str, Any], indent: str) -> str:
    required = schema.get("required", ())
    lines = [
        f"{indent}  {name}{'' if name in required else '?'}: {_type(inner, parts, indent + '  ')};\n"
        for name, inner in schema["properties"].items()
    ]
    return "{\n" + "".join(lines) + indent + "}"


def write() -> None:
    FILE.write_text(commands())


if __name__ == "__main__":
    write()
