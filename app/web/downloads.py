"""What a run left to download, as pages and API tell it: where each file is to be had, or why it is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.config import ArtifactSettings
from app.db.models import Artifact
from app.domain.artifact import PACKED, ArtifactKind, ArtifactState

WHAT = {
    ArtifactKind.BZIMAGE: "the kernel that was booted",
    ArtifactKind.SELFTESTS: "the selftests as they ran, for an initramfs",
    ArtifactKind.VMLINUX: "the kernel with debug information",
    ArtifactKind.ROOT: "the guest's root, for an initramfs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file. `url` is "" where it is not to be had, and `packed_url` that of the packed file."""

    artifact: Artifact
    what: str
    url: str
    packed_url: str
    kept_at_least_until: datetime | None


def downloads(artifacts: Sequence[Artifact], limits: ArtifactSettings) -> list[Download]:
    """Return the files of one run. How long they stay is said as if it had passed: no file is cleared for age before.

    Room may be needed earlier.
    """
    found = []
    for one in artifacts:
        url = f"/api/v1/runs/{one.run_id}/artifacts/{one.kind}" if one.state is ArtifactState.KEPT else ""
        until = one.stored_at + limits.keep_passed if url and one.stored_at else None
        packed = url and url + PACKED
        found.append(Download(artifact=one, what=WHAT[one.kind], url=url, packed_url=packed, kept_at_least_until=until))
    return found
