"""The driver's control channel: HTTP on loopback, with the cluster's secret as bearer token.

`GET /status` answers at once. `POST /{command}/{table}` (refresh, optimize, vacuum, restore, retention,
erase) hands a request to the driver's loop, which does the work between its rounds, and streams progress as
JSON lines; the last has the state `done` or `failed`.
"""

from __future__ import annotations

import hmac
import http.client
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from contracts import errors, secrets
from contracts.errors import DependencyError, PlatformError, PortInUse
from contracts.settings import Settings
from lakehouse.driver.operations import REQUESTS, Request, name_of
from lakehouse.driver.refresh import Progress

MAX_BODY = 64 * 1024
USER = "X-User"
"""Header: who gives the command, as whoever has the secret says."""
MOST_USER = 200
IDLE_SECONDS = 30.0
"""A client that sends nothing for so long is cut off."""

log = logging.getLogger(__name__)


class Command:
    """A request on its way to the driver's loop, and its progress on the way back."""

    def __init__(self, request: Request, user: str | None = None) -> None:
        self.request = request
        self.user = user
        self.name = f"{name_of(request)} {request.table}"
        self._progress: queue.SimpleQueue[Progress] = queue.SimpleQueue()

    def tell(self, progress: Progress) -> None:
        """Called by the driver."""
        self._progress.put(progress)

    def fail(self, error: BaseException) -> None:
        """Called by the driver: the last line, with the family of the error before its text."""
        text = f"{type(error).__name__}: {error}"
        self.tell(Progress(state="failed", table=self.request.table, message=text))

    def follow(self) -> Iterator[Progress]:
        """Progress until the end; blocks between lines."""
        while True:
            progress = self._progress.get()
            yield progress
            if progress.state in ("done", "failed"):
                return


class ControlServer:
    """Serves the channel from threads of its own until ``close``. Raises PortInUse."""

    def __init__(
        self,
        settings: Settings,
        submit: Callable[[Command], None],
        status: Callable[[], dict[str, Any]],
    ) -> None:
        token = secrets.secret(settings, secrets.CONTROL)
        port = settings.ports.lakehouse_control

        class Handler(_Handler):
            pass

        Handler.authorization = f"Bearer {token}".encode()
        Handler.submit = staticmethod(submit)
        Handler.status = staticmethod(status)
        try:
            self._server = _Server((settings.network.host, port), Handler)
        except OSError as error:
            raise PortInUse(
                port=port, service="the lakehouse's control channel", setting="ports.lakehouse_control"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(settings: Settings, request: Request, user: str | None = None) -> Iterator[Progress]:
    """Sends a request of ``user`` to the running driver and follows it.

    Raises ConnectionRefusedError where no driver listens (before the first line), DependencyError where it
    refuses or goes away, and the driver's own error where the command fails.
    """
    address = urlsplit(settings.control_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80)
    headers = {"Authorization": f"Bearer {secrets.secret(settings, secrets.CONTROL)}"}
    if user is not None:
        headers[USER] = quote(user)
    try:
        connection.request(
            "POST",
            f"/{name_of(request)}/{quote(request.table, safe='')}",
            body=msgspec.json.encode(request),
            headers=headers,
        )
        response = connection.getresponse()
        if response.status != 200:
            reason = response.read(MAX_BODY).decode("utf-8", "replace").strip()
            raise DependencyError(f"the lakehouse driver refused the command: {response.status} {reason}")
        for line in response:
            progress = msgspec.json.decode(line, type=Progress)
            if progress.state == "failed":
                raise _error(progress.message)
            yield progress
            if progress.state == "done":
                return
        raise DependencyError("the lakehouse driver ended before the command did; run it again")
    except (http.client.HTTPException, ConnectionResetError) as error:
        raise DependencyError(f"the lakehouse driver went away: {error}") from error
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    authorization: bytes
    submit: Callable[[Command], None]
    status: Callable[[], dict[str, Any]]
    timeout = IDLE_SECONDS
    server_version = "lakehouse"
    sys_version = ""

    def do_GET(self) -> None:
        if self._authorized():
            if self.path == "/status":
                self._answer(200, msgspec.json.encode(type(self).status()))
            else:
                self._answer(404, b'{"error":"not found"}')

    def do_POST(self) -> None:
        if not self._authorized():
            return
        root, _, name = self.path.strip("/").partition("/")
        kind = REQUESTS.get(root)
        if kind is None or not name:
            self._answer(404, b'{"error":"not found"}')
            return
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= MAX_BODY:
                raise ValueError(f"a body of at most {MAX_BODY} bytes")
            body = msgspec.json.decode(self.rfile.read(length) or b"{}")
            request = msgspec.convert({**body, "table": unquote(name)}, kind)
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            self._answer(400, msgspec.json.encode({"error": str(error)}))
            return
        command = Command(request, unquote(self.headers.get(USER) or "")[:MOST_USER] or None)
        command.tell(Progress(state="queued", table=request.table))
        type(self).submit(command)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        try:
            for progress in command.follow():
                self.wfile.write(msgspec.json.encode(progress) + b"\n")
        except OSError:
            log.info("who gave a command is gone; it goes on", extra={"command": command.name})

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _authorized(self) -> bool:
        given = (self.headers.get("Authorization") or "").encode("utf-8", "replace")
        if hmac.compare_digest(given, self.authorization):
            return True
        self.close_connection = True
        self._answer(401, b'{"error":"the bearer token is missing or wrong"}')
        return False

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _error(message: str) -> PlatformError:
    """The driver's error again, of its own family where that is one of ours."""
    name, _, text = message.partition(": ")
    family = getattr(errors, name, None)
    if isinstance(family, type) and issubclass(family, PlatformError) and family is not PortInUse:
        return family(text)
    return PlatformError(message)
