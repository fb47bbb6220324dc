"""The little of Jupyter's message protocol that it takes to run one line of code, framed as JupyterLab frames it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import uuid4

from websockets.asyncio.client import ClientConnection

from deployer.health.diagnose import Diagnosis, Trouble

SUBPROTOCOL = "v1.kernel.websocket.jupyter.org"
NUDGE = 3.0  # seconds after which a kernel that has not answered is asked again


class Message(NamedTuple):
    kind: str
    parent: str  # id of the message that this one answers
    content: Mapping[str, Any]


def encode(kind: str, content: Mapping[str, Any], *, number: str, framed: bool) -> bytes | str:
    """A request on the shell channel; framed for :data:`SUBPROTOCOL`, else one JSON text (older servers)."""
    header = {"msg_id": number, "msg_type": kind, "username": "", "session": number, "version": "5.3"}
    if not framed:
        whole = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
        return json.dumps(whole | {"buffers": []})
    parts = [b"shell", *(json.dumps(part).encode() for part in (header, {}, {}, content))]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = [len(offsets), *offsets]
    return b"".join([*(n.to_bytes(8, "little") for n in numbers), *parts])


def decode(data: bytes | str) -> Message:
    """Read a message of either framing.

    :raises ValueError: it is of neither.
    """
    if isinstance(data, str):
        whole = json.loads(data)
        header, parent, content = whole["header"], whole["parent_header"], whole["content"]
    else:
        header, parent, _, content = (json.loads(part) for part in _parts(data)[:4])
    return Message(header["msg_type"], parent.get("msg_id", ""), content)


def _parts(data: bytes) -> list[bytes]:
    """The frames after the channel's name."""
    count = int.from_bytes(data[:8], "little")
    if not 6 <= count <= len(data) // 8:
        raise ValueError("not a kernel message")
    offsets = [int.from_bytes(data[8 * n : 8 * n + 8], "little") for n in range(1, count + 1)]
    return [data[start:end] for start, end in pairwise(offsets[1:])]


async def wait_ready(socket: ClientConnection) -> None:
    """Wait until the kernel says what it is, asking again where it was not listening yet.

    :raises Trouble: it died.
    """
    while True:
        try:
            async with asyncio.timeout(NUDGE):
                async for message in _ask(socket, "kernel_info_request", {}):
                    if message.kind == "kernel_info_reply":
                        return
        except TimeoutError:
            continue


async def run(socket: ClientConnection, code: str) -> str:
    """What ``code`` prints.

    :raises Trouble: it ends in an error, or the kernel died.
    """
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    printed: list[str] = []
    async for message in _ask(socket, "execute_request", content):
        match message.kind:
            case "stream" if message.content.get("name") == "stdout":
                printed.append(str(message.content.get("text", "")))
            case "error":
                name, value = message.content.get("ename"), message.content.get("evalue")
                raise Trouble(Diagnosis.WRONG_RESULT, f"{code}: {name}: {value}")
            case "status" if message.content.get("execution_state") == "idle":
                return "".join(printed)
    raise AssertionError  # a socket's messages end with an exception only


async def _ask(socket: ClientConnection, kind: str, content: Mapping[str, Any]) -> AsyncIterator[Message]:
    """Send a request; what comes in answer to it."""
    number = uuid4().hex
    await socket.send(encode(kind, content, number=number, framed=socket.subprotocol == SUBPROTOCOL))
    while True:
        try:
            message = decode(await socket.recv())
        except (ValueError, KeyError, TypeError):
            continue  # not for us: extensions send messages of their own
        if message.kind == "status" and message.content.get("execution_state") in {"dead", "restarting"}:
            raise Trouble(Diagnosis.KERNEL_DEAD, f"the kernel is {message.content['execution_state']}")
        if message.parent == number:
            yield message
