"""A real nginx as a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ports import free_port, listens
from waiting import PATIENCE

# Debian has servers in a folder that is not on everybody's path.
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

#: For tests that ask for the program.
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx: .ci/servers")

_CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        {server}
    }}
}}
"""


def command(folder: Path, server: str) -> list[str]:
    """Write a configuration, and return the command that starts nginx with it.

    Args:
        folder: A folder that everybody may read, because the workers give up being root. The
            configuration is its `nginx.conf`, and the log its `nginx.log`.
        server: The content of the block `server`.
    """
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, server=server), encoding="utf-8")
    return [
        str(NGINX),
        "-p",
        str(folder),
        "-e",
        str(folder / "nginx.log"),
        "-c",
        str(configuration),
    ]


@contextmanager
def nginx(server: str, *, tls: bool = False) -> Iterator[int]:
    """Start nginx, and yield its port.

    Args:
        server: The content of the block `server`, beside `listen`.
        tls: True to listen for TLS. `server` then names the certificate.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = free_port()
        address = f"127.0.0.1:{port} ssl" if tls else f"127.0.0.1:{port}"
        process = subprocess.Popen(
            command(folder, f"listen {address};\n{server}"), stdin=subprocess.DEVNULL
        )
        log = folder / "nginx.log"
        try:
            deadline = time.monotonic() + PATIENCE
            while not listens(port):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)
