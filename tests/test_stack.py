"""Which services a host runs."""

import socket

import pytest

from app.stack import application_services


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_web_application_is_not_ready_while_nobody_listens(settings, host):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        taken.bind((host, 0))  # and not listening
        use = settings.model_copy(update={"listen_host": host, "listen_port": taken.getsockname()[1]})
        web, *workers = application_services(use, pools=["default", "big"])
        assert web.ready() is False
    assert [one.command[-2:] for one in workers] == [["--pool", "default"], ["--pool", "big"]]
