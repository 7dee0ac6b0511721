"""A slave whose manners a test chooses, to prove that the simulated base sees bad ones and does not invent them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from neasmart.facts.points import TABLE
from neasmart.simulator.bus.wire import MbapWire, RtuWire, read_response

OWN_UNITS = (240, 241)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as the slave received it; `transaction` is 0 for RTU."""

    unit_id: int
    pdu: bytes
    transaction: int = 0

    @property
    def is_poll(self) -> bool:
        return self.unit_id in OWN_UNITS and self.pdu[0] == 3 and len(self.pdu) == 5

    @property
    def address(self) -> int:
        return int.from_bytes(self.pdu[1:3], "big")

    @property
    def count(self) -> int:
        return int.from_bytes(self.pdu[3:5], "big")


Replies = list[tuple[float, bytes]]
"""Delay in seconds and the bytes to send after it."""


@dataclass
class Slave:
    """Keeps what is broadcast and answers by `manners`, which are good unless a test says otherwise.

    `words` is what was broadcast, `commands` what a good slave serves; everything else it serves is no-data.
    """

    rtu: bool = False
    manners: Callable[[Slave, Request], Replies] | None = None
    words: dict[int, int] = field(default_factory=dict)
    commands: dict[int, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: list[asyncio.Task[None] | None] = field(default_factory=list)
    port: int = 0

    def good(self, request: Request) -> Replies:
        """Answer a poll with what is commanded, else with the no-data word; answer nothing else."""
        if not request.is_poll:
            return []
        addresses = range(request.address, request.address + request.count)
        return [(0.0, self.frame(read_response([self.word(address) for address in addresses]), request))]

    def word(self, address: int) -> int:
        ref = TABLE.by_address.get(address)
        return self.commands.get(address, (ref.point.no_data or 0) if ref else 0)

    def frame(
        self, pdu: bytes, request: Request, *, unit_id: int | None = None, transaction: int | None = None
    ) -> bytes:
        """Return the frame that answers a request, or one that is wrong in unit id or transaction."""
        wire = RtuWire() if self.rtu else MbapWire()
        return wire.frame(
            pdu,
            request.unit_id if unit_id is None else unit_id,
            request.transaction if transaction is None else transaction,
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        self.tasks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await (_rtu_request(reader) if self.rtu else _mbap_request(reader))
                self.requests.append(request)
                self._keep(request)
                for delay_s, raw in (self.manners or Slave.good)(self, request):
                    if delay_s:
                        await asyncio.sleep(delay_s)
                    writer.write(raw)
        writer.close()

    def _keep(self, request: Request) -> None:
        if request.unit_id != 0 or request.pdu[0] not in (6, 16):
            return
        words = request.pdu[3:5] if request.pdu[0] == 6 else request.pdu[6:]
        for number in range(len(words) // 2):
            self.words[request.address + number] = int.from_bytes(words[2 * number : 2 * number + 2], "big")


async def _mbap_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readexactly(6)
    body = await reader.readexactly(int.from_bytes(head[4:6], "big"))
    return Request(unit_id=body[0], pdu=body[1:], transaction=int.from_bytes(head[:2], "big"))


async def _rtu_request(reader: asyncio.StreamReader) -> Request:
    """Cut a request out of a line without noise; a reply of a foreign unit to FC 3 is told by its length."""
    head = await reader.readexactly(7)
    rest = await reader.readexactly(head[6] + 2 if head[1] == 16 else 1)
    return Request(unit_id=head[0], pdu=(head + rest)[1:-2])


@contextlib.asynccontextmanager
async def slave(
    manners: Callable[[Slave, Request], Replies] | None = None, *, rtu: bool = False, port: int = 0
) -> AsyncIterator[Slave]:
    """Serve on a free port, or a given one, for the time of a test."""
    served = Slave(rtu=rtu, manners=manners)
    server = await asyncio.start_server(served.serve, "127.0.0.1", port)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for connection in served.connections:
            connection.transport.abort()
        await asyncio.gather(*(task for task in served.tasks if task is not None))
