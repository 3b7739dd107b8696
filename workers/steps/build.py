"""build: kernel and selected selftests, as an image kept by its inputs."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from app.config import ProfileSettings
from app.domain import plan
from app.domain.buildlog import compiler_errors, owner
from app.domain.diff import parse_files
from app.errors import BuildFailedError
from app.services.execution import Job, JobPatch
from workers.ports import Builder, Checkout, Image, Sink
from workers.recorder import StepRecord

TAIL_BYTES = 4_000_000
"""How much of a build's log is searched for errors: make stops soon after the first."""
MAX_ERRORS = 20
CONFIG_BYTES = 1_000_000
"""A kernel's whole configuration is a quarter of this; a hostile build may leave anything under its name."""


def image_key(commit: str, profile: ProfileSettings, files: Sequence[str], inputs: dict[str, str]) -> str:
    """Return what an image is kept by: a hash of the tree's commit, the selection, the toolchain and the config.

    The commit is the patched tree's; it is the same wherever the same mails meet the same base, for committer and
    dates are fixed (workers/adapters/git.py).
    """
    known = {
        "commit": commit,
        "core": sorted(profile.core),
        "suites": profile.suites,
        "everything": profile.everything,
        "files": sorted(files),
        "inputs": inputs,
        "planned_by": plan.VERSION,
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


async def build(
    record: StepRecord, builder: Builder, checkout: Checkout, profile: ProfileSettings, *, job: Job, commit: str
) -> Image:
    """Build the image of a commit, or take the one that is kept; the kernel's configuration becomes the log `config`.

    Raises:
        BuildFailedError: the tree does not build; the step's detail lists the errors, each with the patch that owns it.
    """
    tail = bytearray()
    sink = record.log("build")

    def log(data: bytes) -> None:
        sink(data)
        tail.extend(data)
        del tail[:-TAIL_BYTES]

    try:
        image = await image_of(builder, checkout, profile, files=job.files, commit=commit, log=log)
    except BuildFailedError as error:
        # In a thread: large series with many errors take seconds, and a worker has to be heard of meanwhile.
        errors = await asyncio.to_thread(errors_in, bytes(tail), job.patches)
        record.detail = {"target": error.target, "errors": errors}
        record.summary = _first(errors) or str(error)
        raise
    record.summary = f"{len(image.tests)} tests" + (f", {len(image.not_built)} not built" if image.not_built else "")
    record.summary += "" if tail else "; the same tree was built before, its image is used again"
    record.detail = {"key": image.key}
    with (image.folder / "config").open("rb") as config:
        record.log("config")(config.read(CONFIG_BYTES))
    return image


async def key_of(builder: Builder, profile: ProfileSettings, *, files: Sequence[str], commit: str) -> str:
    """Return what the image of a commit is kept by on this host."""
    return image_key(commit, profile, files, await builder.inputs(profile))


async def image_of(
    builder: Builder,
    checkout: Checkout,
    profile: ProfileSettings,
    *,
    files: Sequence[str],
    commit: str,
    log: Sink = lambda _data: None,
) -> Image:
    """Return the image of what is checked out, built only where this host does not keep it already.

    Raises:
        BuildFailedError: the tree does not build.
    """
    key = await key_of(builder, profile, files=files, commit=commit)
    kept = await builder.find(key)
    return kept or await builder.build(checkout, profile, files=files, key=key, log=log)


def errors_in(log: bytes, patches: Sequence[JobPatch]) -> list[dict[str, object]]:
    """Return the errors of a build's log as JSON, each with the patch that owns it."""
    diffs = [parse_files(patch.diff) for patch in patches]
    found = []
    for error in compiler_errors(log.decode("utf-8", "replace"))[:MAX_ERRORS]:
        held = owner(error, diffs)
        patch = patches[held.position - 1] if held else None
        found.append(
            {
                **asdict(error),
                "patch": patch.position if patch else None,
                "patch_title": patch.title if patch else None,
                "grounds": held.grounds if held else None,
            }
        )
    return found


def _first(errors: Sequence[dict[str, object]]) -> str:
    if not errors:
        return ""
    first = errors[0]
    place = f"{first['file']}:{first['line']}: " if first["file"] else ""
    whose = f" (patch {first['patch']})" if first["patch"] else " (no patch of the series touches it)"
    return f"{place}{first['message']}{whose}"
