"""A client must mask what it sends through a WebSocket."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.web.guard.connections import HttpConnection
from neasmart.web.http.masks import MaskWatch
from tests.web.conftest import Served, eventually

HELLO = (
    "GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PING, PONG, TEXT, CLOSE = 0x89, 0x8A, 0x81, 0x88
PROTOCOL_ERROR = b"\x88\x02\x03\xea"


def frame(kind: int, payload: bytes, *, masked: bool = True) -> bytes:
    size = len(payload)
    flag = size if size < 126 else 126 if size < 65536 else 127
    length = b"" if flag < 126 else size.to_bytes(2 if flag == 126 else 8)
    mask = os.urandom(4) if masked else b""
    sent = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if masked else payload
    return bytes((kind, flag | (0x80 if masked else 0))) + length + mask + sent


@given(
    frames=st.lists(
        st.tuples(st.sampled_from((TEXT, PING)), st.sampled_from((0, 1, 5, 125, 126, 300, 65536)), st.booleans()),
        max_size=6,
    ),
    cuts=st.lists(st.integers(1, 70000), max_size=8),
)
def test_the_first_frame_without_a_mask_is_seen_however_the_stream_is_cut(
    frames: list[tuple[int, int, bool]], cuts: list[int]
) -> None:
    stream = b"".join(frame(kind, b"x" * size, masked=masked) for kind, size, masked in frames)
    watch, seen = MaskWatch(), True
    for cut in [*cuts, len(stream)]:
        seen = seen and watch.all_masked(stream[:cut])
        stream = stream[cut:]

    assert seen is all(masked for _, _, masked in frames)


@pytest.mark.parametrize("together", [False, True], ids=["later", "with the handshake"])
async def test_a_frame_without_a_mask_closes_the_websocket_with_1002(served: Served, *, together: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.api_port)
    bare = frame(TEXT, b"hello", masked=False)
    writer.write(HELLO.encode() + (bare if together else b""))
    if not together:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(PING, b"alive"))
        await reader.readuntil(b"\x8a\x05alive")
        writer.write(bare)

    async with asyncio.timeout(30):
        received = await reader.read()
    writer.close()

    assert received.endswith(PROTOCOL_ERROR)
    await eventually(lambda: served.server.feed.clients == 0)


async def test_what_a_page_says_is_read_in_small_pieces(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full read of empty frames takes longer than the base waits for a reply."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.api_port)
    writer.write(HELLO.encode())
    await reader.readuntil(b"\r\n\r\n")
    pieces: list[int] = []
    receive = HttpConnection.data_received

    def watched(connection: HttpConnection, data: bytes) -> None:
        pieces.append(len(data))
        receive(connection, data)

    monkeypatch.setattr(HttpConnection, "data_received", watched)
    said = frame(PONG, b"") * 5000
    writer.write(said)

    await eventually(lambda: sum(pieces) == len(said))
    writer.close()

    assert max(pieces) <= 1024


@pytest.mark.parametrize("path", ["/health", "/nothing", "/api/v1/live", "/api/openapi.json", "/api/docs/start.js"])
async def test_the_server_is_named_alike_in_every_answer(served: Served, path: str) -> None:
    for client in (served.api, served.ingress):
        async with client.get(path) as answer:
            assert answer.headers.getall("Server") == ["neasmart"]


@pytest.mark.parametrize("listener", ["api_port", "ingress_port"])
@pytest.mark.parametrize(
    "sent", [HELLO, "nonsense\r\n\r\n", "GET / HTTP/9\r\n\r\n", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"]
)
async def test_so_is_it_in_what_answers_a_handshake_or_nonsense(served: Served, listener: str, sent: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", getattr(served, listener))
    writer.write(sent.encode())

    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()

    assert [line for line in head.split("\r\n") if line.lower().startswith("server:")] == ["Server: neasmart"]
