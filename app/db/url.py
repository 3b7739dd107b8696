"""Which database the settings mean."""

from app.config import Settings
from app.db.embedded import Cluster


def embedded_cluster(settings: Settings) -> Cluster | None:
    """Return the cluster of our own under `state_dir`, or None where DATABASE_URL names another."""
    return None if settings.database_url else Cluster(settings.state_dir / "postgres")


def database_url(settings: Settings) -> str:
    """Return DATABASE_URL where it is set, else the URL of the embedded server."""
    if settings.database_url:
        return settings.database_url
    return Cluster(settings.state_dir / "postgres").url()
