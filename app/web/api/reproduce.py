"""How to see a failing test again."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from app.db.queries.runs import get_run
from app.errors import NotFoundError
from app.report import reproduce
from app.services.reproducing import known_test, load_recipe
from app.web.api.shapes import found
from app.web.parameters import Config, Id, Read, Words

router = APIRouter(tags=["results"])


class Form(StrEnum):
    """As a script with comments, or as one line."""

    SCRIPT = "script"
    LINE = "line"


@router.get("/runs/{run_id}/reproduce", response_class=PlainTextResponse)
def reproduce_test(
    run_id: Id,
    session: Read,
    settings: Config,
    test: Annotated[Words, Query(examples=["bpf_iter/bpf_percpu_array_map"])],
    suite: Annotated[Words, Query()] = reproduce.TEST_PROGS,
    form: Annotated[Form, Query()] = Form.SCRIPT,
) -> str:
    """Return the shell commands that show a test again: tree, patches by Message-ID, configuration, build, guest."""
    run = found(get_run(session, run_id), "run", run_id)
    recipe = load_recipe(session, settings, run, run.revision)
    if recipe is None:
        raise NotFoundError(f"run {run_id} built no kernel in which {test!r} could be run")
    name = known_test(session, suite, test).name
    if form is Form.LINE:
        return reproduce.line(recipe, suite, [name]) + "\n"
    return reproduce.script(recipe, suite, [name])
