"""Forms as browsers send them (application/x-www-form-urlencoded); small ones, without files."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request

MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 50


async def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form, the last of each name; NUL is dropped. 415 for another type, 422 for too many."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise HTTPException(415, f"A form comes as {MEDIA_TYPE}.")
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(422, f"A form has at most {MOST_FIELDS} fields.") from None
    return {name: value.replace("\x00", "") for name, value in pairs}


Fields = Annotated[dict[str, str], Depends(form_fields)]
