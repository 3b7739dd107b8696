"""Servers as children: they listen on loopback, and die with the thread that started them."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.errors import InfrastructureError

HOST = "127.0.0.1"
START_LIMIT_S = 20.0
END_LIMIT_S = 5.0


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def plain_environment(home: Path, **more: str) -> Mapping[str, str]:
    """Return an environment with nothing of ours in it but the path to programs."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C.UTF-8", **more}


@contextmanager
def listening(
    argv: Sequence[str], *, port: int, env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block runs; entered when it accepts connections on `port`.

    prctl(2), PR_SET_PDEATHSIG: it is killed when the thread that entered ends, however that ends.

    Raises:
        InfrastructureError: the port is taken, the program is missing or ended at once (says what it printed), or it
            does not listen in time.
    """
    if _answers(port):
        raise InfrastructureError(f"{argv[0]} cannot listen on {HOST}:{port}: something else does already")
    with log.open("ab") as sink:
        try:
            server = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(env),
                start_new_session=True,
            )
        except OSError as error:
            raise InfrastructureError(f"cannot start {argv[0]}: {error}") from error
    try:
        _wait_listening(server, argv[0], port, log)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_listening(server: subprocess.Popen[bytes], name: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        if server.poll() is not None:
            said = log.read_text("utf-8", "replace")[-1000:].strip()
            raise InfrastructureError(f"{name} ended at once with {server.returncode}; it said: {said}")
        if _answers(port):
            return
        if time.monotonic() > deadline:
            raise InfrastructureError(f"{name} does not listen on {HOST}:{port} after {START_LIMIT_S:.0f} s; see {log}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
