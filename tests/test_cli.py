"""The command line, as a user types it."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db.models import Thread, ThreadState, Token

REROLL = Path(sys.executable).parent / "reroll"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "thread"


def reroll(*words, database=None, cwd="/"):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REROLL_")}
    if database:
        environment["DATABASE_URL"] = database
    return subprocess.run(
        [REROLL, *map(str, words)], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )


def test_inspect_thread_prints_what_the_parser_sees():
    done = reroll("inspect", "thread", *sorted(EXAMPLE.glob("*.mbox")), "--json")
    document = json.loads(done.stdout)
    assert [one["label"] for one in document["series"][0]["revisions"]] == ["v1", "v2", "v3", "v4"]
    assert [len(one["patches"]) for one in document["series"][0]["revisions"]] == [8, 8, 8, 8]
    table = reroll("inspect", "thread", *sorted(EXAMPLE.glob("*.mbox"))).stdout
    assert "v4         8/8 patches" in table


def test_inspect_thread_starts_fast():
    mails = next(file for file in sorted(EXAMPLE.glob("*.mbox")) if file.read_bytes().count(b"\nMessage-ID:") >= 15)
    before = os.times()
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", REROLL, "inspect", "thread", mails, mails, "--json"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 0.5, "half a second is promised for thirty mails, on a machine that does nothing else"
    slow = ("asyncio", "sqlalchemy", "fastapi", "httpx", "structlog", "rich", "uvicorn")
    assert not [name for name in slow if f"| {name}\n" in loaded]


def test_inspect_thread_reads_gzip(tmp_path):
    file = tmp_path / "t.mbox.gz"
    file.write_bytes(gzip.compress((EXAMPLE / "v1.mbox").read_bytes()))
    assert json.loads(reroll("inspect", "thread", file, "--json").stdout)["messages"] == 17


def test_inspect_reads_what_is_packed_from_a_pipe():
    packed = gzip.compress(b"#1       align:OK\n")
    command = [REROLL, "inspect", "results", "/dev/stdin", "--json"]
    done = subprocess.run(command, input=packed, capture_output=True, check=True)
    assert [one["name"] for one in json.loads(done.stdout)["results"]] == ["align"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read: No such file"), (b"\x1f\x8b\x08\x00rubbish", "is cut off or no gzip")],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path, content, words):
    file = tmp_path / "t.mbox.gz"
    if content is not None:
        file.write_bytes(content)
    done = reroll("inspect", "thread", file)
    assert done.returncode == 2
    assert done.stderr.startswith(f"reroll: {file} ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_inspect_results_and_console(tmp_path):
    results = tmp_path / "results"
    results.write_text("#1/1     bpf_iter/ksym:OK\n#1       bpf_iter:OK\nSummary: 1/1 PASSED, 0 SKIPPED, 0 FAILED\n")
    found = json.loads(reroll("inspect", "results", results, "--json").stdout)
    assert [one["name"] for one in found["results"]] == ["bpf_iter/ksym", "bpf_iter"]
    console = tmp_path / "console"
    console.write_text("[    1.0] Kernel panic - not syncing: out of luck\n")
    events = json.loads(reroll("inspect", "console", console, "--json").stdout)["events"]
    assert [(one["kind"], one["line"]) for one in events] == [("panic", 1)]


def test_track_queues_a_thread_and_refuses_what_is_none(database, sessions):
    done = reroll("track", "https://lore.kernel.org/bpf/a%2Fb@example.org/T/#u", database=database)
    assert done.returncode == 0, done.stderr
    with sessions() as session:
        assert session.scalars(select(Thread.message_id)).all() == ["a/b@example.org"]
        assert session.scalars(select(Thread.state)).all() == [ThreadState.QUEUED]
    refused = reroll("track", "not a message", database=database)
    assert refused.returncode == 2
    assert refused.stderr.startswith("reroll: ")


def test_a_database_without_tables_or_without_a_server_is_told(cluster):
    bare = reroll("token", "create", "me", database=cluster.url("postgres"))
    assert bare.returncode == 1
    assert "run `reroll db upgrade`" in bare.stderr
    gone = reroll("track", "a@example.org", database="postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    assert gone.returncode == 1
    assert gone.stderr.startswith("reroll: the database does not answer: ")


def test_a_token_is_printed_once_and_kept_as_a_hash(database, sessions):
    plain = reroll("token", "create", "me", database=database).stdout.strip()
    with sessions() as session:
        kept = session.scalars(select(Token)).one()
    assert plain.startswith("reroll_")
    assert plain not in (kept.digest, kept.name)
    assert "there is a token named 'me' already" in reroll("token", "create", "me", database=database).stderr
    assert reroll("token", "revoke", "me", database=database).returncode == 0
    assert reroll("token", "revoke", "nobody", database=database).returncode == 2


def test_doctor_names_every_tool_and_what_is_missing():
    done = reroll("doctor")
    assert "qemu-system-x86_64" in done.stdout
    assert "KVM, by a real boot" in done.stdout
    assert (done.returncode == 1) == ("missing" in done.stdout.replace("if missing", "").replace("linux-source", ""))
