"""One worker's adapters, put together from the settings."""

from app.config import Settings
from app.db.session import Sessions
from workers.adapters import accelerator
from workers.adapters.git import Trees
from workers.adapters.kbuild import Builder
from workers.adapters.lore import LoreClient
from workers.adapters.qemu import Machine
from workers.adapters.range_diff import Differ
from workers.adapters.signatures import Signatures
from workers.adapters.smtp import SmtpMailer
from workers.adapters.stepwise import Stepping
from workers.adapters.symbols import Symbols
from workers.context import Context


async def make_context(settings: Settings, sessions: Sessions, *, worker: str, pool: str) -> Context:
    """Return what the tasks of one worker work with; probes the accelerator where this host has not been probed.

    Raises:
        InfrastructureError: a tool that every run needs is missing; says which.
    """
    builder = Builder(settings.cache_dir)
    trees = Trees(settings.cache_dir / "trees")
    found = await accelerator.probe(settings.cache_dir)
    facts = {"accelerator": found.name, **await builder.toolchain()}
    return Context(
        settings=settings,
        sessions=sessions,
        worker=worker,
        pool=pool,
        archive=LoreClient(settings.lore, settings.cache_dir),
        trees=trees,
        differ=Differ(trees.git),
        builder=builder,
        stepping=Stepping(builder),
        machine=Machine(settings.cache_dir),
        symbols=Symbols(),
        mailer=SmtpMailer(settings.mail),
        signatures=Signatures(settings.attestation),
        machine_facts=facts,
    )
