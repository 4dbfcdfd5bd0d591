"""ClickHouse's HTTP interface in front of the embedded engine, for clickhouse-connect, curl and SQL tools.

One thread a connection. `/ping` and `/replicas_status` never wait for the engine.
"""

import json
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pipeline.embedded.body import BODY_BYTES_MAX, Body, compressed
from pipeline.embedded.engine import Context, Engine, Result
from pipeline.embedded.form import ExternalTable, parse_form, tables_of
from pipeline.embedded.frames import framed
from pipeline.embedded.refusals import Refused
from pipeline.embedded.statements import insert_in, parameters_of, query_in, settings_of

__all__ = ["Server"]

HEAD_BYTES = 65_536
"""So much of the body is looked at to tell an insert and where its rows begin."""
WORTH_COMPRESSING_BYTES = 1_024
SILENT_S = 300.0
"""A sender that stops in mid-body is cut off after this, and its insert is not committed."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CONTENT_TYPES = {"TabSeparated": "text/tab-separated-values", "CSV": "text/csv", "JSON": "application/json"}


class Server(ThreadingHTTPServer):
    """Listens on loopback only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, engine: Engine, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.engine = engine
        self.body_bytes_max = body_bytes_max
        self._busy = 0
        self._changed = threading.Condition()

    def busy(self, change: int) -> None:
        """Count the requests that are being worked on."""
        with self._changed:
            self._busy += change
            self._changed.notify_all()

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Whether the requests under way were answered within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._busy == 0, timeout_s)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event; anything else is printed."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ClickHouse", ""
    disable_nagle_algorithm = True
    rbufsize = wbufsize = 64 * 1024
    server: Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path in ("/ping", "/replicas_status") or (path == "/" and not self._parameters().get("query")):
            self._answer(200, b"Ok.\n", {})
        else:
            self._serve(read_only=True)

    do_HEAD = do_GET  # noqa: N815 - the name is the library's

    def do_POST(self) -> None:
        self._serve(read_only=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: statements may hold data."""

    def _serve(self, read_only: bool) -> None:
        if self._is_foreign():
            self.close_connection = True
            self._answer(403, b"requests from other sites' pages are refused: use a client on this machine\n", {})
            return
        self.server.busy(1)
        self.connection.settimeout(SILENT_S)
        try:
            self._run(read_only)
        finally:
            self.connection.settimeout(None)
            self.server.busy(-1)

    def _run(self, read_only: bool) -> None:
        parameters = self._parameters()
        headers = {
            "X-ClickHouse-Query-Id": parameters.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": self.server.engine.timezone,
        }
        body = None
        try:
            body = Body(self.rfile, self.headers, self.server.body_bytes_max, parameters.get("decompress") == "1")
            result, wanted = self._executed(parameters, body, headers["X-ClickHouse-Query-Id"], read_only)
        except Refused as problem:
            self._refuse(problem, body, headers)
        except UnicodeDecodeError as problem:
            words = f"Code: 62. DB::Exception: the statement is not UTF-8: {problem}. (SYNTAX_ERROR)"
            self._refuse(Refused(words), body, headers)
        except ValueError as problem:
            # A length or a chunk's size that is no number: where the next request begins is not known.
            self.close_connection = True
            words = f"Code: 36. DB::Exception: the request's framing is broken: {problem}. (BAD_ARGUMENTS)"
            self._refuse(Refused(words), None, headers)
        else:
            body.drain()
            data = framed(result.data) if parameters.get("compress") == "1" else result.data
            headers["X-ClickHouse-Format"] = wanted
            headers["X-ClickHouse-Summary"] = _summary(result)
            headers["Content-Type"] = f"{CONTENT_TYPES.get(wanted, 'text/plain')}; charset=UTF-8"
            self._answer(200, data, headers, compress=parameters.get("enable_http_compression") == "1")

    def _executed(self, parameters: dict[str, str], body: Body, query_id: str, read_only: bool) -> tuple[Result, str]:
        """The result and its format. Raises Refused."""
        tables: list[ExternalTable] = []
        content_type = self.headers.get("Content-Type") or ""
        if content_type.startswith("multipart/form-data"):
            form = parse_form(body.whole(b""), content_type)
            parameters = parameters | form.fields
            tables, described = tables_of(form, parameters)
            parameters = {name: value for name, value in parameters.items() if name not in described}
        in_url = f"{parameters['query']}\n".encode() if parameters.get("query") else b""
        text = in_url + body.head(HEAD_BYTES)
        wanted = parameters.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
        context = Context(
            parameters.get("database") or self.headers.get("X-ClickHouse-Database") or "",
            # The comment is how KILL QUERY finds a statement by the client's id.
            {"log_comment": query_id} | settings_of(parameters),
            parameters_of(parameters),
            tables,
            read_only,
        )
        insert = insert_in(text)
        if insert is None:
            text = body.whole(text)
            insert = insert_in(text)
        with self.server.engine.session(context) as session:
            if insert:
                return session.insert(insert, _rows(text, insert.rows_at, body)), insert.format
            query = query_in(text, wanted)
            return session.query(query), query.format

    def _refuse(self, problem: Refused, body: Body | None, headers: dict[str, str]) -> None:
        try:
            if body:
                body.drain()
        except Refused:
            pass  # the body was too large, which has been read to its end and is the answer given
        headers["X-ClickHouse-Exception-Code"] = str(problem.code)
        self._answer(
            problem.status, f"{problem} (version {self.server.engine.version} (official build))\n".encode(), headers
        )

    def _is_foreign(self) -> bool:
        """Whether a browser sends this for a page of another site: such a page must not reach the data."""
        host = urlsplit(f"//{self.headers.get('Host', 'localhost')}").hostname
        origin = self.headers.get("Origin")
        return host not in LOOPBACK or (origin is not None and urlsplit(origin).hostname not in LOOPBACK)

    def _parameters(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def _answer(self, status: int, data: bytes, headers: dict[str, str], compress: bool = False) -> None:
        self.send_response(status)
        if compress and len(data) >= WORTH_COMPRESSING_BYTES:
            data, encoding = compressed(data, self.headers.get("Accept-Encoding", ""))
            if encoding:
                self.send_header("Content-Encoding", encoding)
        self.send_header("X-ClickHouse-Server-Display-Name", "headrace-embedded")
        for name, value in ({"Content-Type": "text/plain; charset=UTF-8"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        # Now, while the request counts as under way: at the end of the process nothing else would.
        self.wfile.flush()


def _rows(text: bytes, rows_at: int, body: Body) -> Any:
    if rows_at < len(text):
        yield text[rows_at:]
    yield from body.rest()


def _summary(result: Result) -> str:
    counters = {
        "read_rows": result.rows_read,
        "read_bytes": result.bytes_read,
        "written_rows": result.rows_written,
        "written_bytes": result.bytes_written,
        "total_rows_to_read": result.rows_read,
        "result_rows": result.rows,
        "result_bytes": len(result.data),
        "elapsed_ns": result.elapsed_ns,
    }
    return json.dumps({name: str(value) for name, value in counters.items()})
