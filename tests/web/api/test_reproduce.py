"""The script and the line over HTTP."""

import pytest
from sqlalchemy.orm import Session

from app.domain.outcome import Outcome, Step
from tests import factories as make

pytestmark = pytest.mark.anyio
TEST = "bpf_iter/bpf_percpu_array_map"


@pytest.fixture
def run_id(session: Session) -> int:
    revision = make.add_revision(session, make.add_series(session), "v3", thread=make.add_thread(session))
    run = make.add_run(session, revision)
    make.add_log(session, make.add_step(session, run, Step.BUILD), "config", b"CONFIG_BPF=y\n")
    make.add_results(session, run, {TEST: Outcome.FAIL, "odd/a 'b' $(c)": Outcome.FAIL})
    session.commit()
    return run.id


async def test_a_script_to_read(client, run_id: int) -> None:
    answer = await client.get(f"/api/v1/runs/{run_id}/reproduce", params={"suite": "test_progs", "test": TEST})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith(f"#!/bin/sh\n# Run {TEST} of test_progs again, as in run {run_id} of Reroll.\n")
    assert "\n# The series, by its Message-ID.\nb4 -q am -v 3 -o- " in answer.text


async def test_the_line(client, run_id: int) -> None:
    answer = await client.get(f"/api/v1/runs/{run_id}/reproduce", params={"test": TEST, "form": "line"})
    assert answer.text.count("\n") == 1
    assert answer.text.startswith("git worktree add -q --detach ../reroll-")


async def test_names_are_quoted(client, run_id: int) -> None:
    answer = await client.get(f"/api/v1/runs/{run_id}/reproduce", params={"test": "odd/a 'b' $(c)", "form": "line"})
    assert "$(c)'" in answer.text
    assert "-a '\"'\"'odd/a " in answer.text


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/api/v1/runs/99/reproduce?test=x", "there is no run 99"),
        ("/api/v1/runs/{}/reproduce?test=x", "no run has had a test 'x' in 'test_progs'"),
        ("/api/v1/runs/{}/reproduce?suite=veristat&test=bpf_iter", "no run has had a test 'bpf_iter' in 'veristat'"),
    ],
)
async def test_what_is_not_known(client, run_id: int, path: str, why: str) -> None:
    answer = await client.get(path.format(run_id))
    assert (answer.status_code, answer.json()["detail"]) == (404, why)


async def test_a_run_without_a_kernel(client, session: Session, run_id: int) -> None:
    other = make.add_run(session)
    session.commit()
    answer = await client.get(f"/api/v1/runs/{other.id}/reproduce", params={"test": TEST})
    assert answer.json()["detail"] == f"run {other.id} built no kernel in which {TEST!r} could be run"
