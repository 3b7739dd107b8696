"""What every task of a worker works with."""

from dataclasses import dataclass

from app.config import Settings, TreeSettings
from app.db.session import Sessions
from app.errors import InfrastructureError
from workers.ports import Archive, Builder, Differ, Machine, Mailer, Signatures, Stepping, Symbols, Trees


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One worker's settings, its way to the database, and its adapters.

    `worker` is its name, host/pid; `machine_facts` its accelerator and the versions of its tools.
    """

    settings: Settings
    sessions: Sessions
    worker: str
    pool: str
    archive: Archive
    trees: Trees
    differ: Differ
    builder: Builder
    stepping: Stepping
    machine: Machine
    symbols: Symbols
    mailer: Mailer
    signatures: Signatures
    machine_facts: dict[str, str]

    def tree(self, name: str) -> TreeSettings:
        """Return a tree's settings.

        Raises:
            InfrastructureError: this worker's settings lack it, unlike those of whoever made the run.
        """
        for tree in self.settings.trees:
            if tree.name == name:
                return tree
        raise InfrastructureError(f"this worker's settings have no tree {name!r}; its TOML differs from the one in use")
