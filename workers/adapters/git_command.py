"""git, run apart from whatever else is on this host.

It never sees the worker's own configuration nor anybody's, runs no hook, and commits with a fixed identity.
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.errors import InfrastructureError
from workers.adapters import process
from workers.adapters.git_output import SAID_BYTES

QUICK = timedelta(minutes=5)

_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "advice.detachedHead=false",
    "advice.mergeConflict=false",
    "protocol.ext.allow=never",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Runs git; `home` holds the one configuration file it may read."""

    home: Path

    async def run(
        self, *words: str, cwd: Path, stdin: bytes | None = None, wall: timedelta = QUICK
    ) -> tuple[int, bytes]:
        """Return git's exit code and all it wrote.

        Raises:
            InfrastructureError: git is missing or took longer than `wall`.
        """
        options = [part for option in _OPTIONS for part in ("-c", option)]
        # Tied to the worker: git's own children end with it, also when the worker is killed.
        tie = ["bwrap", "--die-with-parent", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "--"]
        argv = [*tie, "git", *options, *words]
        return await process.capture(argv, wall=wall, env=self._env(), cwd=cwd, stdin=stdin)

    async def must(self, *words: str, cwd: Path, stdin: bytes | None = None, wall: timedelta = QUICK) -> bytes:
        """Return what git wrote.

        Raises:
            InfrastructureError: it failed; says the command and git's words.
        """
        code, output = await self.run(*words, cwd=cwd, stdin=stdin, wall=wall)
        if code != 0:
            said = output[-SAID_BYTES:].decode(errors="replace").strip()
            raise InfrastructureError(f"git {' '.join(words)[:200]} in {cwd} failed ({code}); git said: {said}")
        return output

    def _env(self) -> dict[str, str]:
        config = self.home / "gitconfig"
        if not config.exists():
            config.write_text("# Read by Reroll's git instead of any user's.\n[safe]\n\tdirectory = *\n")
        identity = {"NAME": "Reroll", "EMAIL": "reroll@localhost"}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            **{f"GIT_COMMITTER_{key}": value for key, value in identity.items()},
        }
