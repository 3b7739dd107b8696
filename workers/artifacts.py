"""Keeping what runs leave to download, beside the jobs: no verdict waits for it, and trouble with it is never a run's.

Any worker that has a run's image in its cache keeps its files; any worker clears the store.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from app.errors import InfrastructureError
from app.services import artifacts
from app.services.artifacts import Waiting
from workers.context import Context
from workers.ports import ArtifactStore, Image
from workers.upkeep import every

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 10.0
CLEAR_EVERY_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps and clears for one worker."""

    context: Context
    store: ArtifactStore

    async def keep(self) -> None:
        """Do both until cancelled."""
        await asyncio.gather(every(LOOK_EVERY_S, self.keep_waiting), every(CLEAR_EVERY_S, self.clear))

    async def keep_waiting(self) -> None:
        """Keep what waits and is in this worker's cache."""
        with self.context.sessions() as session:
            waiting = artifacts.waiting(session, datetime.now(UTC))
        images: dict[str, Image | None] = {}
        kept = True
        for one in waiting:
            if one.image_key not in images:
                images[one.image_key] = await self.context.builder.find(one.image_key)
            image = images[one.image_key]
            if image is not None and not await self._shared(one):
                kept = await self._keep(one, image) and kept
        if not kept:
            await self.clear()

    async def _keep(self, one: Waiting, image: Image) -> bool:
        """Keep one file; False where that met trouble of ours, which is stored for the page to tell."""
        try:
            packed = await self.store.pack(image, one.kind)
            if packed is None:
                return True
            with self.context.sessions.begin() as session:
                artifacts.lock(session)
                await self.store.place(packed)
                artifacts.keep(session, one, packed.content)
        except InfrastructureError as error:
            log.warning("a file is not kept yet", run=one.run_id, file=one.kind, error=str(error))
            with self.context.sessions.begin() as session:
                artifacts.tried(session, one, str(error))
            return False
        return True

    async def _shared(self, one: Waiting) -> bool:
        """Keep a file that the store has for another run already; False where it has not."""
        with self.context.sessions.begin() as session:
            artifacts.lock(session)
            content = artifacts.known(session, one)
            if content is None or not await self.store.has(content.sha256):
                return False
            artifacts.keep(session, one, content)
            return True

    async def clear(self) -> None:
        """Mark as gone what is too old or too much, and remove what nothing speaks of any more."""
        limits = self.context.settings.artifacts
        free_bytes = await self.store.free_bytes()
        with self.context.sessions.begin() as session:
            artifacts.lock(session)
            gone = artifacts.clear(session, limits, datetime.now(UTC), free_bytes=free_bytes)
        with self.context.sessions.begin() as session:
            artifacts.lock(session)
            await self.store.sweep(artifacts.live(session))
        if gone:
            log.info("files of runs were cleared", files=gone)
