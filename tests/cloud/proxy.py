"""A proxy on loopback that makes an AWS behind it have a bad day, by rules or by a hook.

    python proxy.py UPSTREAM_PORT RULES_JSON       # prints the port that it listens on

The rules are a list; the first that matches a request and is not used up is applied:

    {"match": "DescribeStack.*",      # regular expression over the operation: CreateChangeSet, PutObject, …
     "skip": 2, "times": 3,           # leave so many alone, then apply so often (always, without it)
     "rate": 10,                      # leave so many in a second alone
     "log": "throttled.txt",          # write down the operation each time that it is applied
     "fault": "throttle"}             # or one of the others below

| fault | what happens |
| --- | --- |
| `throttle`, `unavailable`, `expired`, `not_xml` | the answer is that error; `not_xml` is a 500 with no sense in it |
| `echo`, `echo_unavailable` | the answer is an error whose message is the whole request, headers and body; the latter a 503 |
| `reset` | the connection is reset before the request gets anywhere |
| `reset_after` | the request is carried out, and the answer is lost |
| `slow` | the answer comes in drips, for a second |
| `truncate` | the answer ends in the middle |
| `malformed` | a success whose XML is none |
| `duplicate`, `reorder` | stack events come twice, or in another order |
| `empty_page` | the first page of a list is empty, and has a token |
"""

import asyncio
import collections
import html
import json
import re
import sys
import time
import urllib.parse
from dataclasses import dataclass, field

HOST = "127.0.0.1"
S3 = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject", "POST": "PostObject"}
# What a list of an operation is called, for an empty page of it.
LISTS = {
    "DescribeStackEvents": "StackEvents",
    "ListStackResources": "StackResourceSummaries",
    "ListChangeSets": "Summaries",
}
TOKEN = "nothing-on-this-page"
NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
ERRORS = {
    "throttle": ("Throttling", "Rate exceeded", 400),
    "unavailable": ("ServiceUnavailable", "Please try again", 503),
    "expired": ("ExpiredToken", "The security token included in the request is expired", 403),
    "echo": ("SignatureDoesNotMatch", "The canonical request should have been", 403),
    "echo_unavailable": ("ServiceUnavailable", "Please try again", 503),
}


@dataclass
class Request:
    """A request as it arrived, and what it asks for."""

    method: str
    target: str
    headers: dict
    body: bytes
    operation: str = ""
    protocol: str = ""
    parameters: dict = field(default_factory=dict)

    def __post_init__(self):
        if "x-amz-target" in self.headers:
            self.operation, self.protocol = self.headers["x-amz-target"].rsplit(".", 1)[-1], "json"
        elif self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            self.parameters = dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))
            self.operation, self.protocol = self.parameters.get("Action", ""), "query"
        else:
            self.operation, self.protocol = S3.get(self.method, self.method), "s3"


async def read_head(reader):
    """First line and headers; nothing at the end of the stream."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return first, {name.strip().lower(): value.strip() for name, value in pairs}


async def read_body(reader, headers, until_end=False) -> bytes:
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        while (await reader.readline()).strip():
            pass
        return body
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read(-1) if until_end else b""


def message(status: int, content_type: str, body: bytes, more: dict | None = None) -> bytes:
    headers = {"content-type": content_type, "content-length": str(len(body)), "connection": "close", **(more or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


def error(request: Request, fault: str) -> bytes:
    """The error in the words of the request's protocol."""
    if fault == "not_xml":
        return message(500, "text/html", b"<html>something went wrong")
    code, text, status = ERRORS[fault]
    if fault.startswith("echo"):
        headers = "\n".join(f"{name}:{value}" for name, value in request.headers.items())
        text = html.escape(f"{text} {request.method} {request.target}\n{headers}\n{request.body.decode(errors='replace')}")
    if request.protocol == "json":
        return message(status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": text}).encode())
    inner = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    if request.protocol == "query":
        inner = f'<ErrorResponse xmlns="{NAMESPACE}">{inner}<RequestId>p</RequestId></ErrorResponse>'
    return message(status, "text/xml", b"" if request.method == "HEAD" else inner.encode())


class Proxy:
    """Forwards to `upstream`. `hook(request, stage)` is awaited before a request is forwarded (`before`) and when it
    was answered (`after`); where it says `False`, the client hears nothing any more."""

    def __init__(self, upstream: int, rules: list | None = None, hook=None):
        self.upstream, self.rules, self.hook = upstream, rules or [], hook
        self.used = [0] * len(self.rules)
        self.recent = [collections.deque() for _ in self.rules]
        self.port = 0

    async def start(self):
        server = await asyncio.start_server(self._serve, HOST, 0, limit=1 << 24)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _fault(self, request: Request) -> str | None:
        for index, rule in enumerate(self.rules):
            if not re.fullmatch(rule["match"], request.operation):
                continue
            self.used[index] += 1
            nth = self.used[index] - 1 - rule.get("skip", 0)
            if nth >= 0 and nth < rule.get("times", sys.maxsize) and not self._within(index, rule):
                if "log" in rule:
                    with open(rule["log"], "a", encoding="utf-8") as log:
                        print(request.operation, file=log)
                return rule["fault"]
        return None

    def _within(self, index: int, rule: dict) -> bool:
        """Whether a request is one of those in a second that are left alone."""
        recent, now = self.recent[index], time.monotonic()
        while recent and recent[0] < now - 1:
            recent.popleft()
        within = len(recent) < rule.get("rate", 0)
        if within:
            recent.append(now)
        return within

    async def _serve(self, reader, writer):
        try:
            while (head := await read_head(reader)) is not None:
                first, headers = head
                if "100-continue" in headers.pop("expect", ""):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    await writer.drain()
                method, target, _ = first.split(" ")
                request = Request(method, target, headers, await read_body(reader, headers))
                if not await self._answer(request, writer):
                    writer.transport.abort()
                    return
                await writer.drain()
                writer.close()
                return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Request, writer) -> bool:
        """Whether the client got an answer."""
        fault = self._fault(request)
        if fault == "reset" or (self.hook and await self.hook(request, "before") is False):
            return False
        if fault in ERRORS or fault == "not_xml":
            writer.write(error(request, fault))
            return True
        token = request.parameters.get("NextToken")
        if fault == "empty_page" and not token and request.operation in LISTS:
            name, inner = request.operation, f"<{LISTS[request.operation]}/><NextToken>{TOKEN}</NextToken>"
            body = f'<{name}Response xmlns="{NAMESPACE}"><{name}Result>{inner}</{name}Result></{name}Response>'
            writer.write(message(200, "text/xml", body.encode()))
            return True
        if token == TOKEN:
            del request.parameters["NextToken"]
            request.body = urllib.parse.urlencode(request.parameters).encode()
        status, headers, body = await self._forward(request)
        if fault == "reset_after" or (self.hook and await self.hook(request, "after") is False):
            return False
        await self._tell(request, writer, fault, status, headers, body)
        return fault != "truncate"

    async def _tell(self, request, writer, fault, status, headers, body):
        kind = headers.pop("content-type", "text/xml")
        dropped = ("connection", "transfer-encoding", "date", "content-length")
        kept = {name: value for name, value in headers.items() if name not in dropped}
        if request.method == "HEAD" and "content-length" in headers:
            kept["content-length"] = headers["content-length"]
        if fault in ("duplicate", "reorder"):
            body = events(body, fault)
        if fault == "malformed":
            body = b"<" + body[: len(body) // 2]
        told = message(status, kind, body, kept)
        if fault == "truncate":
            told = told[: -max(1, len(body) // 2)]
        if fault == "slow":
            for at in range(0, len(told), len(told) // 10 + 1):
                writer.write(told[at : at + len(told) // 10 + 1])
                await writer.drain()
                await asyncio.sleep(0.1)
            return
        writer.write(told)
        await writer.drain()

    async def _forward(self, request: Request):
        reader, writer = await asyncio.open_connection(HOST, self.upstream, limit=1 << 24)
        try:
            dropped = ("connection", "transfer-encoding", "content-length")
            headers = {name: value for name, value in request.headers.items() if name not in dropped}
            headers |= {"connection": "close", "content-length": str(len(request.body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"{request.method} {request.target} HTTP/1.1\r\n{head}\r\n".encode() + request.body)
            await writer.drain()
            first, told = await read_head(reader)
            status = int(first.split(" ")[1])
            bodiless = request.method == "HEAD" or status in (204, 304)
            return status, told, b"" if bodiless else await read_body(reader, told, until_end=True)
        finally:
            writer.close()


def events(body: bytes, fault: str) -> bytes:
    """A page of stack events, each twice, or the older half first."""
    found = re.search(rb"(<StackEvents>)(.*)(</StackEvents>)", body, re.DOTALL)
    if not found:
        return body
    members = re.findall(rb"<member>.*?</member>", found[2], re.DOTALL)
    half = len(members) // 2
    members = [one for one in members for _ in (1, 2)] if fault == "duplicate" else members[half:] + members[:half]
    return body[: found.end(1)] + b"".join(members) + body[found.start(3) :]


async def main(upstream: int, rules: list) -> None:
    proxy = Proxy(upstream, rules)
    async with await proxy.start() as server:
        print(proxy.port, flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(sys.argv[2])))
