"""The whole product on one machine: archive, mail server, database, web application, one worker; all on loopback."""

import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from app.config import LoreSettings, MailMode, MailSettings, Settings, TreeSettings, settings
from app.db.embedded import Cluster
from app.db.session import Sessions, make_engine, make_sessions
from app.db.url import database_url
from app.demo.archive import Archive
from app.demo.child import free_port
from app.demo.smtp_server import delivering
from app.stack import application_services, database_service, prepare_database
from app.supervisor import Supervisor

TREE = TreeSettings(name="linux-6.12", url="debian:linux-source-6.12")
WANTED_PORT = 8000
LIST = "bpf-example@lists.example.org"
PROFILE = "demo"
AS_A_WHOLE = MappingProxyType({"patches": "off"})
"""In the demo no patch is tried on its own, which would take twice as long as all the rest: it is to be over soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """It runs. `mail` is a Maildir with a copy of every mail sent; the supervisors know the pids of their services."""

    use: Settings
    sessions: Sessions
    archive: Archive
    mail: Path
    supervisors: tuple[Supervisor, Supervisor]

    def pid(self, service: str) -> int:
        """Return the pid of a service: `postgres`, `web` or `worker-1`."""
        return next(one.pids[service] for one in self.supervisors if service in one.pids)


@contextlib.asynccontextmanager
async def running(
    state: Path, mails: Iterable[bytes], *, profile: Mapping[str, object] = AS_A_WHOLE
) -> AsyncIterator[World]:
    """Run it below `state` with `mails` in the archive, until the block ends; nothing is left running then.

    `profile` is what differs from the default profile.

    Raises:
        InfrastructureError: a part does not start; says where its output is.
    """
    with ExitStack() as stack:
        archive = stack.enter_context(Archive(state / "archive").serving())
        archive.add(*mails)
        smtp_port = stack.enter_context(delivering(state / "archive", state / "mail"))
        use = _settings(state, origin=archive.origin, smtp_port=smtp_port, profile=profile)
        stack.enter_context(_handed_down(use))
        logs = state / "logs"
        async with Supervisor([database_service(Cluster(state / "postgres"))], logs=logs) as below:
            prepare_database(use)
            engine = make_engine(database_url(use))
            async with Supervisor(application_services(use, pools=["default"]), logs=logs) as above:
                yield World(
                    use=use,
                    sessions=make_sessions(engine),
                    archive=archive,
                    mail=state / "mail",
                    supervisors=(below, above),
                )
            engine.dispose()


def _settings(state: Path, *, origin: str, smtp_port: int, profile: Mapping[str, object]) -> Settings:
    """Return the product's settings, with everything on loopback."""
    port = free_port() if _taken(WANTED_PORT) else WANTED_PORT
    ours = settings()
    return Settings(
        database_url=None,
        state_dir=state,
        cache_dir=ours.cache_dir,
        public_url=f"http://127.0.0.1:{port}",
        listen_port=port,
        lore=LoreSettings(origin=origin, pause=timedelta(0), cache_for=timedelta(0)),
        trees=(TREE,),
        profiles={PROFILE: ours.profiles[ours.default_profile].model_copy(update=profile)},
        default_profile=PROFILE,
        mail=MailSettings(mode=MailMode.SEND, port=smtp_port, to=(LIST,)),
    )


@contextlib.contextmanager
def _handed_down(use: Settings) -> Iterator[None]:
    """Let child processes have these settings, by environment, which goes before any file."""
    before = dict(os.environ)
    os.environ.pop("DATABASE_URL", None)
    for name, value in use.model_dump(mode="json", exclude={"database_url"}).items():
        os.environ[f"REROLL_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
