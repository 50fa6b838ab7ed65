"""nginx as the upstream that answers at once, and as the reverse proxy to compare with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.processes import accepts_connections, free_port, running, wait_until
from bench.traffic import answer_body

_SBIN: Final = "/usr/local/sbin:/usr/sbin"

# One worker process each, like Gemtap's one tap, and no logs, for maximum speed.
_CONFIGURATION: Final = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_max_body_size 0;
{http}
}}
"""

# $request_id makes every response different.
_ANSWERING: Final = """
    default_type "application/json; charset=UTF-8";
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{ return 200 '{answer}'; }}
    }}
"""

_SERVING: Final = """
    server {{
        listen 127.0.0.1:{port};
        location = {path} {{ default_type application/octet-stream; alias {file}; }}
        location / {{
            proxy_pass http://127.0.0.1:{others};
            proxy_http_version 1.1;
            proxy_request_buffering off;
        }}
    }}
"""

_STREAMING_PROXY: Final = """
    upstream api {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
"""


@contextmanager
def answering_nginx(folder: Path) -> Iterator[int]:
    """Run an upstream with a fixed response, much faster than any proxy. Yields its port."""
    port = free_port()
    answer = answer_body("$request_id").decode("ascii")
    with _nginx(folder, port, _ANSWERING.format(port=port, answer=answer)):
        yield port


@contextmanager
def file_serving_nginx(folder: Path, path: str, file: Path, others: int) -> Iterator[int]:
    """Run an upstream that serves `file` at `path`, and forwards the rest to the port `others`. Yields its port."""
    port = free_port()
    with _nginx(folder, port, _SERVING.format(port=port, path=path, file=file, others=others)):
        yield port


@contextmanager
def proxying_nginx(folder: Path, upstream: int) -> Iterator[tuple[int, int]]:
    """Run a plain streaming reverse proxy. Yields its port and its process id."""
    port = free_port()
    with _nginx(folder, port, _STREAMING_PROXY.format(port=port, upstream=upstream)) as pid:
        yield port, pid


def nginx_version() -> str:
    """Version such as `1.22.1`."""
    told = subprocess.run([_program(), "-v"], capture_output=True, text=True, check=True).stderr
    return told.strip().rpartition("/")[2]


@contextmanager
def _nginx(folder: Path, port: int, http: str) -> Iterator[int]:
    folder.mkdir()
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(http=http))
    command = [_program(), "-p", str(folder), "-c", str(configuration), "-e", "error.log"]
    with running(command, folder / "output.log") as process:
        wait_until("nginx", lambda: accepts_connections(port))
        yield process.pid


def _program() -> str:
    # Debian installs it in a folder that is not in the PATH of ordinary users.
    program = shutil.which("nginx") or shutil.which("nginx", path=_SBIN)
    if program is None:
        raise FileNotFoundError("nginx is not installed: on Debian, apt-get install nginx-light")
    return program
