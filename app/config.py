"""Settings: the one place where the environment and the TOML file are read.

Order of trust: arguments, environment (`REROLL_...`, and `DATABASE_URL`), the TOML file, defaults. The file is the
one that `REROLL_CONFIG` names, else `reroll.toml` in the working directory, else `/etc/reroll.toml`.
"""

import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from app.domain.suites import Suite
from app.errors import SubmissionError
from app.profiles import resolve

CONFIG_PLACES = (Path("reroll.toml"), Path("/etc/reroll.toml"))
CORE_TESTS = (
    "bpf_iter",
    "verifier_log",
    "log_buf",
    "log_fixup",
    "map_ptr",
    "map_init",
    "map_lock",
    "map_ops",
    "map_in_map",
    "map_lookup_percpu_elem",
    "hash_large_key",
    "global_data",
    "global_data_init",
    "global_map_resize",
    "rdonly_maps",
    "queue_stack_map",
    "bloom_filter_map",
    "btf_map_in_map",
    "for_each",
    "linked_maps",
    "cgroup_iter",
    "hashmap",
    "map_btf",
    "mmap_inner_array",
    "lookup_and_delete",
    "mmap",
    "ringbuf",
    "htab_update",
    "spin_lock",
    "dynptr",
    "map_kptr",
)
"""Tests of test_progs: iterators, the verifier's log, maps; all pass on linux 6.12 with the shipped fragment."""
Seconds = Annotated[timedelta, Field(gt=timedelta(0))]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LoreSettings(_Section):
    """Where threads come from; `origin` is the URL of one inbox, such as `https://lore.kernel.org/bpf`."""

    origin: str = "https://lore.kernel.org/all"
    contact: str = ""
    timeout: Seconds = timedelta(seconds=30)
    pause: timedelta = timedelta(seconds=1)
    cache_for: timedelta = timedelta(minutes=10)
    max_bytes: int = Field(default=50_000_000, gt=0)


class TreeSettings(_Section):
    """One kernel tree: a git URL or local path, its default ref, and the subject tags that route to it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    url: str
    ref: str = "HEAD"
    tags: tuple[str, ...] = ()


class ListSettings(_Section):
    """A list that `reroll watch` follows: the folder or URL of its public-inbox, and which of its series are run.

    A series is run when each of `tags`, `files` and `authors` that is set has something that fits it (files and
    authors as in fnmatch), and it was posted within `posted_within`. With `run` false only what somebody asked for is.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    place: str
    every: Seconds = timedelta(minutes=5)
    run: bool = True
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    posted_within: Seconds = timedelta(days=7)


_NO_INPUTS = {"extends", "pool", "patches", "warnings", "baseline_age"}


class ConfigFrom(StrEnum):
    """What a kernel's configuration begins with; with `nothing`, what no fragment names has the tree's default."""

    TINYCONFIG = "tinyconfig"
    DEFCONFIG = "defconfig"
    NOTHING = "nothing"


class ProfileSettings(_Section):
    """A named way to test; `extends` names the profile whose values are those that this one does not set.

    `config` names fragments on top of `config_from`, shipped ones or paths of the tree; `core` tests of test_progs that
    always run; `suites` what may run, in this order: `everything` of it, or what the series touches and the core.
    `pool` says who runs it. `patches` says what is done with each patch of a series on its own, in order: nothing,
    built, or built and the selected tests run. `warnings` is make's W= for those builds. A baseline older than
    `baseline_age` is made again.
    """

    extends: str | None = None
    pool: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    patches: Literal["off", "build", "test"] = "test"
    warnings: int = Field(default=0, ge=0, le=3)
    baseline_age: Seconds = timedelta(days=7)
    config_from: ConfigFrom = ConfigFrom.TINYCONFIG
    config: tuple[str, ...] = ("bpf-quick.config",)
    core: tuple[str, ...] = CORE_TESTS
    suites: tuple[Suite, ...] = (Suite.TEST_PROGS, Suite.TEST_VERIFIER, Suite.TEST_MAPS, Suite.VERISTAT)
    everything: bool = False
    cpus: int = Field(default=2, ge=1)
    memory_mb: int = Field(default=2048, ge=256)
    boot_timeout: Seconds = timedelta(seconds=90)
    silence_timeout: Seconds = timedelta(seconds=120)
    test_timeout: Seconds = timedelta(minutes=20)
    build_timeout: Seconds = timedelta(minutes=60)
    build_memory_mb: int = Field(default=8192, ge=1024)
    build_processes: int = Field(default=2048, ge=64)
    jobs: int = Field(default=0, ge=0)

    def inputs(self) -> dict[str, Any]:
        """Return what results of this profile depend on, as JSON: what must be equal for two runs to be compared."""
        return self.model_dump(mode="json", exclude=_NO_INPUTS)


class MailMode(StrEnum):
    """What becomes of a report: nothing, shown on the page only, or sent."""

    OFF = "off"
    PREVIEW = "preview"
    SEND = "send"


class MailSettings(_Section):
    """How a report leaves; only the author of the revision and `to` ever get one."""

    mode: MailMode = MailMode.OFF
    host: str = "127.0.0.1"
    port: int = 25
    sender: str = "Reroll <reroll@localhost>"
    to: tuple[str, ...] = ()
    timeout: Seconds = timedelta(seconds=30)


class AttestationSettings(_Section):
    """How signatures of mails are checked: DKIM with DNS, developers' own (patatt) with the keys in a folder."""

    dkim: bool = True
    keyring: Path | None = None


class ArtifactSettings(_Section):
    """What runs leave to download: where it is kept (None: `artifacts` below state_dir), how much, and for how long.

    `most_bytes` counts packed bytes, 0 keeps nothing; `room_bytes` of the disk stay free. `keep_logs` is for logs,
    which the database has.
    """

    folder: Path | None = None
    most_bytes: int = Field(default=20_000_000_000, ge=0)
    room_bytes: int = Field(default=2_000_000_000, ge=0)
    keep_passed: Seconds = timedelta(days=7)
    keep_failed: Seconds = timedelta(days=60)
    keep_logs: Seconds = timedelta(days=180)


def _root_or_home(root: str, variable: str, home: str) -> Path:
    if os.geteuid() == 0:
        return Path(root)
    return Path(os.environ.get(variable) or Path.home() / home) / "reroll"


class Settings(BaseSettings):
    """Everything that can be set; see `reroll.example.toml` for each with its meaning."""

    model_config = SettingsConfigDict(env_prefix="REROLL_", env_nested_delimiter="__", extra="forbid", frozen=True)

    database_url: str | None = Field(
        default=None, validation_alias=AliasChoices("database_url", "DATABASE_URL", "REROLL_DATABASE_URL")
    )
    state_dir: Path = Field(default_factory=lambda: _root_or_home("/var/lib/reroll", "XDG_DATA_HOME", ".local/share"))
    cache_dir: Path = Field(default_factory=lambda: _root_or_home("/var/cache/reroll", "XDG_CACHE_HOME", ".cache"))
    public_url: str = "http://127.0.0.1:8000"
    listen_host: str = "127.0.0.1"
    listen_port: int = 8000
    lore: LoreSettings = LoreSettings()
    trees: tuple[TreeSettings, ...] = ()
    lists: tuple[ListSettings, ...] = ()
    profiles: dict[str, ProfileSettings] = Field(default_factory=dict, validate_default=True)
    default_profile: str = "bpf-quick"
    mail: MailSettings = MailSettings()
    attestation: AttestationSettings = AttestationSettings()
    artifacts: ArtifactSettings = ArtifactSettings()

    @property
    def artifacts_dir(self) -> Path:
        """The folder of the artifact store, which the web application and all workers share."""
        return self.artifacts.folder or self.state_dir / "artifacts"

    @field_validator("profiles", mode="before")
    @classmethod
    def _inherited(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        return resolve({name: one.model_dump() if isinstance(one, BaseModel) else one for name, one in given.items()})

    @model_validator(mode="after")
    def _profile_exists(self) -> Self:
        if self.default_profile not in self.profiles:
            message = f"default_profile is {self.default_profile!r}, but only {sorted(self.profiles)} are defined"
            raise ValueError(message)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not wanted: one file only
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not wanted
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the TOML file."""
        path = config_file()
        toml = [TomlConfigSettingsSource(settings_cls, toml_file=path)] if path else []
        return (init_settings, env_settings, *toml)


def config_file() -> Path | None:
    """Return the TOML file in force, or None.

    Raises:
        SubmissionError: `REROLL_CONFIG` names a file that is not there.
    """
    named = os.environ.get("REROLL_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SubmissionError(f"REROLL_CONFIG names {named}, which is not a file")
        return Path(named)
    return next((place for place in CONFIG_PLACES if place.is_file()), None)


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - the field types are checked by pydantic
    """Read the settings.

    Raises:
        SubmissionError: the TOML cannot be read or a value is not allowed; says the file, the key and the reason.
    """
    path = config_file()
    where = str(path) if path else "the environment"
    try:
        return Settings(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise SubmissionError(f"{where} is not valid TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SubmissionError(f"settings in {where} (or REROLL_ variables) are not right: {problems}") from error


@cache
def settings() -> Settings:
    """Return this process's settings, read once."""
    return load_settings()
