"""`python -m workers.packing SOURCE TARGET`: packs one file, beside everything else; a process apart for its priority.

It takes what the processors have left (sched(7), SCHED_IDLE), and a few megabytes of memory whatever the file's size.
Prints a line of JSON; what goes wrong is printed as words, with exit code 1.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import zstandard

LEVEL = 6
CHUNK = 1024 * 1024


def pack(source: Path, target: Path) -> dict[str, object]:
    """Write `source` packed to `target`, safe on the disk; return `sha256` (of the plain content) and both sizes.

    Raises:
        OSError: the disk is full, or a file cannot be read or written.
    """
    hashed = hashlib.sha256()
    size = 0
    with source.open("rb") as plain, target.open("wb") as packed:
        whole = os.fstat(plain.fileno()).st_size
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj(size=whole)
        while chunk := plain.read(CHUNK):
            hashed.update(chunk)
            size += len(chunk)
            packed.write(compressor.compress(chunk))
        packed.write(compressor.flush())
        packed.flush()
        os.fsync(packed.fileno())
        packed_size = packed.tell()
    return {"sha256": hashed.hexdigest(), "size": size, "packed_size": packed_size}


def main() -> None:
    """Pack at the lowest priority that there is."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        done = pack(Path(sys.argv[1]), Path(sys.argv[2]))
    except OSError as error:
        sys.exit(f"{error.strerror}: {error.filename or sys.argv[2]}")
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    main()
