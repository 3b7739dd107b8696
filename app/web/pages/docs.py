"""The API for people: the OpenAPI document as one plain page, without scripts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from app.web.render import render

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing that an operation takes."""

    name: str
    where: str
    kind: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be done."""

    name: str
    method: str
    path: str
    about: str
    parameters: Sequence[Parameter]
    body: str
    answers: str
    writes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsPage:
    """All that can be done, by noun."""

    groups: Sequence[tuple[str, Sequence[Operation]]]
    shapes: Sequence[tuple[str, str, Sequence[Parameter]]]
    version: str
    title: str = "API"
    place: str = ""


@router.get("/docs")
def show_docs(request: Request) -> HTMLResponse:
    """Show what the API can do."""
    return render(request, "docs/show.html", _page(request.app))


@lru_cache(maxsize=8)
def _page(app: FastAPI) -> DocsPage:
    document = app.openapi()
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            groups.setdefault(one.get("tags", ["other"])[0], []).append(_operation(document, path, method, one))
    shapes = [
        (name, shape.get("description", ""), [_field(document, field, kind) for field, kind in _fields(shape)])
        for name, shape in document["components"]["schemas"].items()
        if "properties" in shape and not name.startswith(("Listing", "HTTPValidation", "ValidationError"))
    ]
    return DocsPage(groups=list(groups.items()), shapes=shapes, version=document["info"]["version"])


def _fields(shape: dict[str, Any]) -> Sequence[tuple[str, dict[str, Any]]]:
    return list(shape["properties"].items())


def _field(document: dict[str, Any], name: str, kind: dict[str, Any]) -> Parameter:
    return Parameter(name=name, where="", kind=_kind(document, kind), about=_about(kind))


def _operation(document: dict[str, Any], path: str, method: str, one: dict[str, Any]) -> Operation:
    answer = next((code for code in one["responses"] if code.startswith("2")), "200")
    content = one["responses"][answer].get("content", {})
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return Operation(
        name=one["operationId"],
        method=method.upper(),
        path=path,
        about=one.get("description", one.get("summary", "")),
        parameters=[
            Parameter(
                name=each["name"],
                where=each["in"],
                kind=_kind(document, each["schema"]),
                about=each.get("description") or _about(each["schema"]),
            )
            for each in one.get("parameters", [])
        ],
        body=json.dumps(_example(document, body), indent=2) if body else "",
        answers=f"{answer} {_kind(document, _first(content).get('schema', {}))}".strip(),
        writes="security" in one,
    )


def _first(content: dict[str, Any]) -> dict[str, Any]:
    return next(iter(content.values()), {})


def _about(schema: dict[str, Any]) -> str:
    said = schema.get("description", "")
    examples = schema.get("examples") or []
    shown = f"such as {json.dumps(examples[0])}" if examples and not isinstance(examples[0], (dict, list)) else ""
    return ", ".join(part for part in (said, shown) if part)


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """Name the type of a value in a few words."""
    if "$ref" in schema:
        name: str = schema["$ref"].rpartition("/")[2]
        words = document["components"]["schemas"].get(name, {}).get("enum")
        return " | ".join(words) if words else name.replace("Listing_", "page of ").removesuffix("_")
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(document, one) for one in schema[several]))
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _example(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    shape = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    return {
        name: (field.get("examples") or [field.get("default")])[0]
        for name, field in shape.get("properties", {}).items()
    }
