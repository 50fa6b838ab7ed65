"""A real Docker engine, and `docker compose` as a user runs it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]


class Engine:
    """The engine that the script at GEMTAP_TEST_ENGINE starts and stops."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._folder = Path(tempfile.gettempdir()) / "docker-engine"

    def up(self) -> dict[str, str]:
        """Start it, and return the environment in which `docker` reaches it."""
        self._run("up")
        shown = subprocess.run(
            ["bash", "-c", f"source {self._folder / 'env'} && env -0"], capture_output=True, text=True, check=True
        ).stdout
        return dict(pair.split("=", 1) for pair in shown.split("\0") if "=" in pair)

    def down(self) -> None:
        self._run("down")

    def _run(self, command: str) -> None:
        subprocess.run(
            ["bash", self._script, command], env=os.environ | {"WORK": str(self._folder)}, check=True, timeout=900
        )


class Compose:
    """One compose project: a file of the root, and one with its name in this folder that fits it for tests."""

    def __init__(self, environment: dict[str, str], file: str, port: int, dashboard_port: int) -> None:
        """`file`: such as `compose.yaml`."""
        self._environment = environment | {"GEMTAP_PORT": str(port), "GEMTAP_DASHBOARD_PORT": str(dashboard_port)}
        name = file.removesuffix(".yaml")
        self._project = f"{name.replace('.', '-')}-test"
        self._files = ("-f", file, "-f", f"tests/containers/{name}.test.yaml")
        self.port = port
        self.dashboard_port = dashboard_port

    def __call__(self, *arguments: str) -> str:
        """Run `docker compose ARGUMENTS`, and return what it printed."""
        return self._docker("compose", "--project-name", self._project, *self._files, *arguments)

    def container(self, service: str) -> str:
        """The container's id."""
        return self("ps", "--quiet", "--all", service).strip()

    def inspect(self, service: str, template: str) -> str:
        """What `docker inspect --format` says of the service's container."""
        return self._docker("inspect", "--format", template, self.container(service)).strip()

    def kill(self, service: str) -> None:
        """kill -9, as the kernel does it: not by the engine's order, so that it is started again."""
        os.kill(int(self.inspect(service, "{{.State.Pid}}")), 9)

    def _docker(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            cwd=PROJECT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout
