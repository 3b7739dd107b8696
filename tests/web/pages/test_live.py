"""A run as it goes."""

import asyncio
import re
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy.orm import Session

from app.db.models import RunState
from app.db.session import Sessions
from app.domain.outcome import Outcome, Verdict
from app.domain.outcome import Step as StepName
from app.web.pages import live
from tests import factories as make
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


def events(text: str) -> list[tuple[str, str, str]]:
    """Return the events of a stream: name, id, data."""
    found = []
    for block in text.strip().split("\n\n"):
        fields: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, _, value = line.partition(": ")
            fields.setdefault(name, []).append(value)
        found.append((fields.get("event", [""])[0], fields.get("id", [""])[0], "\n".join(fields.get("data", []))))
    return found


async def test_a_run_that_is_done_is_told_at_once_and_the_stream_ends(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get(f"/runs/{site.example.runs[3].id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *told, last = events(answer.text)
    assert last == ("over", "", "over")
    assert "up after 4.1 s (tcg)" in told[0][2]


async def test_the_stream_goes_on_where_it_broke_off(own_site: Site, stored: Session) -> None:
    run = make.add_run(stored)
    step = make.add_step(stored, run, StepName.BUILD)
    make.add_log(stored, step, "build", b"one\ntwo\nthree\n", piece=4)
    stored.commit()
    async with own_site.client() as client:
        answer = await client.get(f"/runs/{run.id}/events", headers={"Last-Event-ID": f"{step.id}:build:4"})
    (_, at, data), _ = events(answer.text)
    assert at == f"{step.id}:build:14"
    assert re.search(r'hx-swap="beforeend"><span>two\nthree\n?</span>', data)
    assert "one" not in data


async def test_what_the_guest_writes_is_escaped_and_its_colours_dropped(own_site: Site, stored: Session) -> None:
    run = make.add_run(stored)
    step = make.add_step(stored, run, StepName.SELFTESTS)
    make.add_log(
        stored, step, "console", b"\x1b[31m<hx-partial hx-target='#steps'>\x1b[0m\r\nevent: over\n\n\x00\xff\x9b"
    )
    stored.commit()
    async with own_site.client() as client:
        answer = await client.get(f"/runs/{run.id}/events")
    told = events(answer.text)
    assert [name for name, _, _ in told] == ["", "over"]
    assert "&lt;hx-partial hx-target=&#39;#steps&#39;&gt;\nevent: over\n" in told[0][2]
    assert "U+0000" in told[0][2]


async def test_the_stream_follows_a_run_to_its_end(
    own_site: Site, stored: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look is answered by the next state of the run, as a worker would have stored it meanwhile."""
    monkeypatch.setattr(live, "PAUSE_S", 0.02)
    revision = own_site.example.revisions[0]
    run = make.add_run(stored, revision, state=RunState.RUNNING)
    build = make.add_step(stored, run, StepName.BUILD, None)
    stored.commit()
    real, looks = live.look, 0

    def look(*args: object) -> live.Glance | None:
        nonlocal looks
        looks += 1
        if looks == 2:
            make.add_log(stored, build, "build", b"CC a.o\n")
        elif looks == 4:
            build.outcome, build.finished_at = Outcome.PASS, make.NOW
            boot = make.add_step(stored, run, StepName.BOOT, None)
            make.add_log(stored, boot, "console", b"Linux version\n")
        elif looks == 6:
            run.state, run.verdict = RunState.DONE, Verdict.CLEAN
        stored.commit()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(live, "look", look)
    async with own_site.client() as client:
        answer = await client.get(f"/runs/{run.id}/events")

    told = events(answer.text)
    assert [name for name, _, _ in told] == ["", "", "", "over"]
    assert "CC a.o" in told[1][2]
    assert 'hx-swap="innerHTML"><span>Linux version' in told[2][2]
    assert "CC a.o" not in told[2][2]
    assert looks == 6


async def test_readers_who_are_equally_far_share_each_look(
    own_site: Site, stored: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.25)
    run = make.add_run(stored, own_site.example.revisions[0], state=RunState.RUNNING)
    make.add_log(stored, make.add_step(stored, run, StepName.BUILD, None), "build", b"CC a.o\n")
    stored.commit()
    real, asked = live.look, []

    def look(sessions: Sessions, run_id: int, cursor: live.Cursor) -> live.Glance | None:
        asked.append(cursor)
        if len(asked) == 4:
            run.state = RunState.DONE
            stored.commit()
        return real(sessions, run_id, cursor)

    monkeypatch.setattr(live, "look", look)
    async with own_site.client() as client:
        answers = await asyncio.gather(*(client.get(f"/runs/{run.id}/events") for _ in range(20)))
    assert all("CC a.o" in answer.text and events(answer.text)[-1][0] == "over" for answer in answers)
    assert len(asked) <= 8


async def test_a_table_that_did_not_change_is_not_sent_again(
    own_site: Site, stored: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.02)
    run = make.add_run(stored, own_site.example.revisions[0], state=RunState.RUNNING, started=make.NOW)
    make.add_step(stored, run, StepName.BUILD, None)
    stored.commit()
    seconds = count()

    def now() -> datetime:
        passed = next(seconds)
        if passed == 5:
            run.state = RunState.DONE
            stored.commit()
        return make.NOW + timedelta(seconds=passed)

    own_site.app.state.now = now
    async with own_site.client() as client:
        told = events((await client.get(f"/runs/{run.id}/events")).text)
    assert "<table" in told[0][2]
    later = [data for name, _, data in told[1:] if not name]
    assert len(later) >= 3
    assert not [data for data in later if "<table" in data or "so-far" not in data]


async def test_a_run_that_is_not_there_has_nothing_to_tell(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/runs/4711/events")
    assert events(answer.text) == [("over", "", "over")]
