"""The least HTTP that the examples need, over asyncio's streams: a loopback server of JSON records, and a client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import luawait

Record = dict[str, Any]


class RecordServer:
    """Serves `/collection`, `/collection?field=value` and `/collection/key`, each after a small latency."""

    def __init__(self, collections: dict[str, list[Record]], keys: dict[str, str], latency_s: float) -> None:
        self._collections = collections
        self._by_key = {name: {record[keys[name]]: record for record in all_} for name, all_ in collections.items()}
        self._latency_s = latency_s
        self.served = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serves on a free port of the loopback interface; gives the base URL."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            yield f"http://{host}:{port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
            method, target, _ = head.split("\r\n", 1)[0].split(" ")
            await asyncio.sleep(self._latency_s)
            status, value = self._find(target) if method == "GET" else ("405 Method Not Allowed", {"error": method})
            body = json.dumps(value, ensure_ascii=False).encode()
            self.served += 1
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n".encode("ascii")
            )
            writer.write(body)
            await writer.drain()
        finally:
            writer.close()

    def _find(self, target: str) -> tuple[str, Any]:
        url = urlsplit(target)
        name, _, key = unquote(url.path).removeprefix("/").partition("/")
        if name in self._collections and not key:
            wanted = parse_qsl(url.query)
            records = self._collections[name]
            return "200 OK", [record for record in records if all(record.get(k) == v for k, v in wanted)]
        if key in self._by_key.get(name, {}):
            return "200 OK", self._by_key[name][key]
        return "404 Not Found", {"error": f"there is no {target}"}


async def get(url: str) -> dict[str, Any]:
    """GET: the status and the body, decoded when it is JSON. A status of 400 and above is an error for the script."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode("ascii"))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        body = await reader.read()
    finally:
        writer.close()
    first, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    _, status, reason = first.split(" ", 2)
    if int(status) >= 400:
        raise luawait.HostFault(f"{status} {reason}: {url}", type="http", data={"status": int(status), "url": url})
    is_json = headers.get("content-type") == "application/json"
    return {"status": int(status), "body": json.loads(body) if is_json else body.decode()}
