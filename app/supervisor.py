"""Keeping processes running: started in order, started again when they end, ended with their parent."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from app.errors import InfrastructureError

log = structlog.get_logger(__name__)

READY_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
STEADY_AFTER_S = 10.0
"""A process that lived this long did start; its next end is not one more failure to start."""
LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process to keep. `ready` tells whether it serves; `stop` is the signal that ends it gently.

    The kernel kills it when the supervisor dies (prctl(2), PR_SET_PDEATHSIG), so that nothing is left behind; a
    command that already arranges its own death signal sets `own_death_signal`.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], bool] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: signal.Signals = signal.SIGTERM
    own_death_signal: bool = False


class Supervisor:
    """Runs services while its context is open; their output goes to `logs/<name>.log`."""

    def __init__(self, services: Sequence[Service], *, logs: Path) -> None:
        self._services = services
        self._logs = logs
        self._keepers: list[asyncio.Task[None]] = []
        self.pids: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        """Start all services, each once the one before it is ready.

        Raises:
            InfrastructureError: one did not become ready in a minute; says where its output is.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            for service in self._services:
                self._keepers.append(asyncio.create_task(self._keep(service), name=service.name))
                await self._wait_ready(service)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all services, the last started first."""
        await self._stop()

    async def _stop(self) -> None:
        for keeper in reversed(self._keepers):
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        self._keepers.clear()

    async def _keep(self, service: Service) -> None:
        pause = 0.5
        while True:
            started = time.monotonic()
            process = await self._start(service)
            self.pids[service.name] = process.pid
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                await _end(process, service.stop)
                raise
            pause = 0.5 if time.monotonic() - started > STEADY_AFTER_S else min(pause * 2, LONGEST_PAUSE_S)
            where = str(self._logs / f"{service.name}.log")
            log.warning("a service ended and is started again", service=service.name, code=code, see=where)
            await asyncio.sleep(pause)

    async def _start(self, service: Service) -> asyncio.subprocess.Process:
        command = list(service.command)
        if not service.own_death_signal:
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with (self._logs / f"{service.name}.log").open("ab") as sink:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **service.environment},
                start_new_session=True,
            )

    async def _wait_ready(self, service: Service) -> None:
        deadline = time.monotonic() + READY_LIMIT_S
        while service.ready is not None and not await asyncio.to_thread(service.ready):
            if time.monotonic() > deadline:
                where = self._logs / f"{service.name}.log"
                raise InfrastructureError(f"{service.name} is not ready after {READY_LIMIT_S:.0f} s; see {where}")
            await asyncio.sleep(0.1)


async def _end(process: asyncio.subprocess.Process, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
