"""Files of runs over HTTP: plain, packed, by range; never more than what the store holds under a hash."""

import asyncio
import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
import zstandard
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Artifact
from app.domain.artifact import ArtifactKind, ArtifactState, blob_name
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.anyio
PLAIN = b"vmlinux <script>alert(1)</script>\n" * 100_000 + os.urandom(1000)
PACKED = zstandard.ZstdCompressor().compress(PLAIN)
SHA256 = hashlib.sha256(PLAIN).hexdigest()
RUN = "/api/v1/runs/1/artifacts"


def store(folder: Path, sha256: str = SHA256, packed: bytes = PACKED) -> Path:
    blob = folder / blob_name(sha256)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(packed)
    return blob


def add(session: Session, kind: ArtifactKind, state: ArtifactState = ArtifactState.KEPT, **values) -> None:
    defaults = {"sha256": SHA256, "size": len(PLAIN), "packed_size": len(PACKED), "stored_at": NOW, "created_at": NOW}
    known = defaults if state is not ArtifactState.WAITING else {"created_at": NOW}
    session.add(Artifact(run_id=1, kind=kind, attempt=1, image_key="key", state=state, **(known | values)))


@pytest.fixture
def blob(session: Session, settings: Settings) -> Path:
    make.add_run(session)
    add(session, ArtifactKind.VMLINUX)
    add(
        session, ArtifactKind.BZIMAGE, ArtifactState.GONE, gone_at=NOW + timedelta(days=7),
        why="room was needed: the store may hold 20.0 GB",
    )  # fmt: skip
    add(session, ArtifactKind.SELFTESTS, ArtifactState.WAITING, why="the store is full")
    session.commit()
    return store(settings.artifacts_dir)


@pytest.mark.usefixtures("blob")
async def test_the_list_says_what_is_to_be_had_and_what_became_of_the_rest(client) -> None:
    answer = await client.get(RUN)
    assert answer.status_code == 200
    shown = {one["name"]: one for one in answer.json()}
    assert list(shown) == ["bzImage", "selftests.cpio", "vmlinux"]
    vmlinux, gone, waiting = shown["vmlinux"], shown["bzImage"], shown["selftests.cpio"]
    assert (vmlinux["url"], vmlinux["packed_url"]) == (f"{RUN}/vmlinux", f"{RUN}/vmlinux.zst")
    assert (vmlinux["size"], vmlinux["packed_size"], vmlinux["sha256"]) == (len(PLAIN), len(PACKED), SHA256)
    assert vmlinux["kept_at_least_until"] == "2026-04-21T14:00:00Z"
    assert (gone["url"], gone["gone_at"]) == (None, "2026-04-21T14:00:00Z")
    assert gone["why"] == "room was needed: the store may hold 20.0 GB"
    assert (waiting["state"], waiting["url"], waiting["why"]) == ("waiting", None, "the store is full")


@pytest.mark.usefixtures("blob")
async def test_a_plain_file(client) -> None:
    answer = await client.get(f"{RUN}/vmlinux", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.content == PLAIN
    assert answer.headers["content-length"] == str(len(PLAIN))
    assert "content-encoding" not in answer.headers


@pytest.mark.usefixtures("blob")
async def test_who_takes_zstd_gets_it_packed_on_the_way(client) -> None:
    request = client.build_request("GET", f"{RUN}/vmlinux", headers={"Accept-Encoding": "gzip, zstd;q=0.9"})
    answer = await client.send(request, stream=True)
    raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "zstd"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert raw == PACKED


@pytest.mark.parametrize("encodings", ["zstd;q=0", "zstd; q=0.000, gzip", "identity, *;q=0", ""])
@pytest.mark.usefixtures("blob")
async def test_who_refuses_zstd_gets_it_plain(client, encodings: str) -> None:
    answer = await client.get(f"{RUN}/vmlinux", headers={"Accept-Encoding": encodings})
    assert "content-encoding" not in answer.headers
    assert answer.content == PLAIN


@pytest.mark.parametrize("name", ["vmlinux", "vmlinux.zst"])
@pytest.mark.usefixtures("blob")
async def test_no_browser_shows_what_hostile_code_made(client, name: str) -> None:
    answer = await client.get(f"{RUN}/{name}", headers={"Accept-Encoding": "identity"})
    assert answer.headers["content-disposition"] == f'attachment; filename="run-1-{name}"'
    assert answer.headers["content-type"] in {"application/octet-stream", "application/zstd"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-", 100, len(PACKED)), ("bytes=-7", len(PACKED) - 7, len(PACKED))],
)
@pytest.mark.usefixtures("blob")
async def test_a_download_that_broke_goes_on(client, wanted: str, start: int, stop: int) -> None:
    answer = await client.get(f"{RUN}/vmlinux.zst", headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == PACKED[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(PACKED)}"
    assert answer.headers["etag"] == f'"{SHA256}"'


@pytest.mark.usefixtures("blob")
async def test_a_range_beyond_the_end(client) -> None:
    answer = await client.get(f"{RUN}/vmlinux.zst", headers={"Range": f"bytes={len(PACKED)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(PACKED)}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == f"That range is not in it: it has {len(PACKED)} bytes."


@pytest.mark.parametrize(
    ("tag", "status"),
    [(f'"{SHA256}"', 206), (f'"{"0" * 64}"', 200), (f'W/"{SHA256}"', 200)],
    ids=["this", "another", "weak"],
)
@pytest.mark.usefixtures("blob")
async def test_who_goes_on_with_another_file_gets_this_one_whole(client, tag: str, status: int) -> None:
    """A run that is tried again may leave another kernel under the same address."""
    answer = await client.get(f"{RUN}/vmlinux.zst", headers={"Range": "bytes=100-", "If-Range": tag})
    assert answer.status_code == status
    assert answer.content == (PACKED[100:] if status == 206 else PACKED)


@pytest.mark.usefixtures("blob")
async def test_what_is_gone_says_when_and_why(client) -> None:
    answer = await client.get(f"{RUN}/bzImage.zst")
    assert answer.status_code == 410
    assert answer.json()["detail"] == (
        "bzImage.zst of run 1 is gone since 2026-04-21 14:00 UTC: room was needed: the store may hold 20.0 GB"
    )


@pytest.mark.usefixtures("blob")
async def test_what_is_not_there_yet_says_so(client) -> None:
    answer = await client.get(f"{RUN}/selftests.cpio")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "selftests.cpio of run 1 is not in the store yet: the store is full"


@pytest.mark.parametrize(
    "name", ["root.cpio", "image.json", ".zst", "vmlinux.zst.zst", "..%2f..%2fetc%2fpasswd", "%2e%2e", "VMLINUX"]
)
@pytest.mark.usefixtures("blob")
async def test_only_the_known_names_are_names(client, name: str) -> None:
    assert (await client.get(f"{RUN}/{name}")).status_code in {404, 405}


async def test_a_store_that_the_web_application_does_not_see_is_trouble_of_ours(client, blob: Path) -> None:
    await asyncio.to_thread(blob.unlink)
    answer = await client.get(f"{RUN}/vmlinux")
    assert answer.status_code == 503
    assert "the web application and all workers need the same [artifacts] folder" in answer.json()["detail"]
    assert str(blob) not in answer.text


async def test_no_such_run(client) -> None:
    assert (await client.get("/api/v1/runs/99/artifacts")).status_code == 404
    assert (await client.get("/api/v1/runs/99/artifacts/vmlinux")).status_code == 404


@pytest.mark.usefixtures("blob")
async def test_the_page_of_a_run_lists_them(client) -> None:
    page = (await client.get("/runs/1")).text
    assert f'<a href="{RUN}/vmlinux"><code>vmlinux</code></a>' in page
    assert "room was needed: the store may hold 20.0 GB" in page
    assert "trouble of ours: the store is full" in page
