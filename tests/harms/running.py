"""Harms through the product's real line: archive, tracking, worker, machine, verdict, mail; asked over REST."""

import asyncio
import contextlib
import mailbox
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from app.config import settings
from app.demo.world import TREE, World, running
from app.domain.message import parse_message
from app.services import tokens
from tests.harms.innocent import filled
from tests.harms.posting import message_id, paths_of, post
from tests.harms.series import Harm, Patch
from workers.adapters.git import Trees

POLL_S = 1.0
PATIENCE_S = 3600
MOST_TIMES = 3
"""Of what fails one time in three, one series of 130 sees nothing in three times four runs."""
_UNDER_WAY = text("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of one run of a series, as the API and the archive have it.

    `mails` are the texts of all mails sent about the series so far, in order; `seconds` is from the asking until
    nothing was left to do.
    """

    run: dict[str, Any]
    verdict: dict[str, Any]
    changes: tuple[dict[str, Any], ...]
    mails: tuple[str, ...]
    seconds: float

    @property
    def classes(self) -> dict[str, str]:
        """Return test -> class, of what changed."""
        return {change["name"]: change["class"] for change in self.changes}


class Court:
    """The product, running, and a client that asks it."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self._world = world
        self._client = client

    async def judged(
        self,
        name: str,
        mails: Sequence[bytes],
        *,
        runs: int = 1,
        seen: Callable[[Sequence[Judged]], bool] = lambda _: True,
    ) -> list[Judged]:
        """Post a series and have it tracked; return what came of each run, when all has come to rest.

        What happens at random may not have been `seen` in so many `runs`: then it is run again, MOST_TIMES as often.
        """
        self._world.archive.add(*mails)
        started = time.monotonic()
        await self._post("/threads", {"reference": message_id(name, 0)})
        await at_rest(self._world)
        revision = await self._revision(message_id(name, 0))
        done = [await self._judged(revision, time.monotonic() - started)]
        while len(done) < runs or (1 < runs <= len(done) < MOST_TIMES * runs and not seen(done)):
            started = time.monotonic()
            await self._post(f"/revisions/{revision}/runs", {})
            await at_rest(self._world)
            done.append(await self._judged(revision, time.monotonic() - started))
        return done

    async def page(self, path: str) -> str:
        """Return a page as the browser gets it."""
        return (await self._client.get(path)).raise_for_status().text

    async def get(self, path: str, **query: str | int) -> Any:
        """Return what the API answers."""
        return (await self._client.get(f"/api/v1{path}", params=query)).raise_for_status().json()

    async def logs(self, run: Mapping[str, Any]) -> dict[str, str]:
        """Return the logs of a run's steps, by attempt, step and name."""
        found = {}
        for step in run["steps"]:
            for log in await self.get(f"/steps/{step['id']}/logs"):
                text = (await self._client.get(f"/api/v1/steps/{step['id']}/logs/{log['name']}")).text
                found[f"{step['attempt']}-{step['name']}-{log['name']}"] = text
        return found

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        (await self._client.post(f"/api/v1{path}", json=body)).raise_for_status()

    async def _revision(self, root_id: str) -> int:
        found = (await self.get("/series", q=root_id))["items"]
        if len(found) != 1 or len(found[0]["revisions"]) != 1:
            raise LookupError(f"{root_id} is not one series of one revision: {found}")
        return int(found[0]["revisions"][0]["id"])

    async def _judged(self, revision: int, seconds: float) -> Judged:
        newest = (await self.get("/runs", revision_id=revision, limit=1))["items"][0]["id"]
        changes = (await self.get(f"/runs/{newest}/changes", limit=200))["items"]
        reports = (await self.get("/reports", revision_id=revision, limit=100))["items"]
        return Judged(
            run=await self.get(f"/runs/{newest}"),
            verdict=await self.get(f"/runs/{newest}/verdict"),
            changes=tuple(changes),
            mails=tuple(self._delivered([report["message_id"] for report in reversed(reports)])),
            seconds=seconds,
        )

    def _delivered(self, wanted: Sequence[str]) -> list[str]:
        """Return the texts of those mails that were delivered; what is only planned is no mail."""
        found = {}
        for mail in mailbox.Maildir(self._world.mail):
            message = parse_message(bytes(mail))
            found[message.message_id] = message.body
        return [found[one] for one in wanted if one in found]


async def at_rest(world: World) -> None:
    """Wait until the queue is empty: every run judged, every patch looked at, every mail sent.

    Raises:
        TimeoutError: that took more than an hour.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with world.sessions() as session:
            if not session.scalar(_UNDER_WAY):
                return
        await asyncio.sleep(POLL_S)
    raise TimeoutError(f"the queue is not empty after {PATIENCE_S} s; see {world.use.state_dir / 'logs'}")


@contextlib.asynccontextmanager
async def court(state: Path, *, config: Sequence[str] = (), patches: str = "test") -> AsyncIterator[Court]:
    """Run the product below `state`, with an empty archive; nothing is left running afterwards.

    `config` names fragments beside those of the default profile; `patches` is as in a profile.
    """
    ours = settings()
    profile = {"patches": patches, "config": (*ours.profiles[ours.default_profile].config, *config)}
    async with running(state, (), profile=profile) as world:
        with world.sessions.begin() as session:
            token = tokens.create(session, "harms")
        headers = {"Authorization": f"Bearer {token}"}
        limits = httpx.Timeout(60)
        async with httpx.AsyncClient(
            base_url=world.use.public_url, headers=headers, timeout=limits, trust_env=False
        ) as client:
            yield Court(world, client)


async def mails_of(harm: Harm) -> list[bytes]:
    """Return a harm's mails: what it needs first, as a series of its own, then itself."""
    patches = filled(harm.harmful)
    texts = await base_texts([*harm.first, *patches])
    if not harm.first:
        return post(harm.name, harm.title, harm.author, patches, texts)
    before = f"{harm.name}-first"
    first = post(before, "bpf: What comes first", harm.author, harm.first, texts)
    trailer = f"prerequisite-message-id: <{message_id(before, 0)}>"
    return [*first, *post(harm.name, harm.title, harm.author, patches, texts, trailer=trailer)]


async def base_texts(patches: Sequence[Patch]) -> dict[str, str]:
    """Return the files of linux 6.12 that patches touch."""
    trees = Trees(settings().cache_dir / "trees")
    base = await trees.resolve(TREE, None)
    async with trees.checkout(TREE, base) as checkout:
        return await checkout.texts(paths_of(patches), commit=base.commit)
