"""What of the disk is used by what."""

from pathlib import Path

from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Artifact
from app.disk_use import Use, disk_use
from app.domain.artifact import ArtifactKind, ArtifactState
from tests import factories as make


def test_each_part_is_counted_and_the_database_asked(settings: Settings, session: Session) -> None:
    (settings.cache_dir / "builds" / "base").mkdir(parents=True)
    (settings.cache_dir / "builds" / "base" / "vmlinux.o").write_bytes(b"x" * 3000)
    settings.artifacts_dir.mkdir(parents=True)
    (settings.artifacts_dir / "some.zst").write_bytes(b"x" * 200)
    for _ in range(2):
        run = make.add_run(session)
        session.add(
            Artifact(
                run_id=run.id, kind=ArtifactKind.VMLINUX, attempt=1, image_key="k", state=ArtifactState.KEPT,
                sha256="a" * 64, size=10, packed_size=200_000_000,
            )
        )  # fmt: skip
    session.commit()
    builds, store, database = disk_use(settings)
    assert builds == Use(what="objects of bases", where=str(settings.cache_dir / "builds"), size=3000)
    assert (store.size, store.where) == (200, str(settings.artifacts_dir))
    assert store.what == "what runs left to download, 0.2 GB of them told of in the database", "shared counts once"
    assert database.size is not None
    assert database.size > 1_000_000


def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    away = Settings(database_url=f"postgresql://x@/x?host={tmp_path}", state_dir=tmp_path, cache_dir=tmp_path)
    assert disk_use(away) == [Use(what="database", where="PostgreSQL", size=None)]
