"""Looks frames up in a vmlinux: in the sandbox, for the file is what hostile code was built to."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from app.domain.console import ConsoleEvent
from app.domain.decoding import addresses, decoded, names_of, read_answers, wanted_frames
from app.errors import InfrastructureError
from workers.adapters import process, sandbox
from workers.adapters.sandbox import Bind, Sandbox

log = structlog.get_logger(__name__)

VMLINUX = "/symbols/vmlinux"
WALL = timedelta(seconds=30)
MEMORY_MB = 8192
OUTPUT_BYTES = 4_000_000
NAMES = f'names=$(cat); nm --print-size --defined-only {VMLINUX} | grep --word-regexp --fixed-strings "$names" || true'
LINES = f"exec llvm-symbolizer --obj={VMLINUX} --output-style=JSON --inlines"


class Symbols:
    """Decodes with binutils' nm and LLVM's symbolizer."""

    async def decode(self, vmlinux: Path, events: Sequence[ConsoleEvent]) -> tuple[ConsoleEvent, ...]:
        """Return the events with source lines beside their frames, as far as these can be had; never raises for it."""
        frames = wanted_frames(events)
        names = names_of(frames)
        if not names:
            return tuple(events)
        try:
            listed = await _ask(vmlinux, NAMES, "".join(f"{name}\n" for name in names))
            at = addresses(frames, listed)
            asked = "".join(f"{address:#x}\n" for address in sorted(set(at.values())))
            places = read_answers(await _ask(vmlinux, LINES, asked)) if asked else {}
        except InfrastructureError as error:
            log.warning("frames were not decoded", vmlinux=str(vmlinux), error=str(error))
            return tuple(events)
        return decoded(events, {frame: places[address] for frame, address in at.items() if address in places})


async def _ask(vmlinux: Path, script: str, text: str) -> bytes:
    box = Sandbox(binds=[Bind(source=vmlinux, target=VMLINUX)], memory_mb=MEMORY_MB, processes=2048, file_mb=64)
    code, output = await process.capture(
        box.command(["sh", "-c", script]),
        wall=WALL,
        env=sandbox.outer_env(),
        stdin=text.encode(),
        output_bytes=OUTPUT_BYTES,
    )
    if code != 0:
        raise InfrastructureError(f"looking symbols up failed ({code}): {output[-300:].decode(errors='replace')}")
    return output
