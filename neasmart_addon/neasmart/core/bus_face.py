"""The gateway's face for the bus: what a station asks for a poll, and hands over of a write.

What the bus calls touches nothing but memory, because the base waits for the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import Command
from neasmart.core.commands.commands import Carried, Commands
from neasmart.core.state.hub import Hub
from neasmart.core.state.idle_polls import IdlePollStatistics
from neasmart.core.state.image import RegisterImage
from neasmart.core.state.plant import Plant, Reading
from neasmart.diagnosis.histogram import Histograms
from neasmart.diagnosis.traffic import Traffic
from neasmart.facts.status import BusCounters

Served = Callable[[int, int, float], list[int]]
"""From the first register of a block, how many there are, and a monotonic time to the words that the base reads."""


class Poll(msgspec.Struct, frozen=True):
    """What the base reads by one poll, and the commands whose words are among it."""

    words: list[int]
    address: int
    unit_id: int
    carried: tuple[Carried, ...] = ()


class BusFace:
    """Polls, replies that have left, and writes; and what is counted and measured of them.

    Addresses and words are those of Modbus, 0..65535, each word as it is on the wire; `now` is monotonic seconds, and a
    carrier the connection by which a frame came, None where that does not matter. Nothing here raises or awaits.
    """

    def __init__(
        self,
        *,
        image: RegisterImage,
        plant: Plant,
        commands: Commands,
        hub: Hub,
        served: Served,
        stands_still: Callable[[float], bool],
    ) -> None:
        """Take the collaborators of the gateway; `served` decides what a poll reads, and `use` by which unit ids.

        `stands_still` tells whether, as of a monotonic time, what was commanded before may be out of date.
        """
        self._image = image
        self._plant = plant
        self._commands = commands
        self._hub = hub
        self._served = served
        self._stands_still = stands_still
        self._bus_waits: Callable[[], bool] = lambda: False
        self.unit_ids: tuple[int, ...] = ()
        self.walks = commands.walks
        self.idle_polls = IdlePollStatistics(plant.table)
        self.counters = BusCounters()
        self.reply_latencies = Histograms()
        self.traffic = Traffic()

    def use(self, unit_ids: Sequence[int]) -> None:
        """Answer under these unit ids from the next link on."""
        self.unit_ids = tuple(unit_ids)

    def poll(self, address: int, count: int, unit_id: int, now: float, carrier: Carrier | None = None) -> Poll:
        """Return what the base shall read, one word for each of `count` registers; 0 where there is no meaning.

        Whoever sends the reply tells `left` once it has left.
        """
        if carrier is not None and not carrier.polls:
            # A connection that does not poll us, such as a scanner's, interrupts nothing.
            carrier.polled()
            self._commands.polled_by(carrier)
            self.interrupted(now)
        self.walks.polled((unit_id, address, count, now))
        if self._image.commands and self._stands_still(now):
            # Whoever wakes up may be polled before the next tick.
            publish_commands(self._hub, self._commands.stood_still(now))
        words = self._served(address, count, now)
        return Poll(words, address, unit_id, self._commands.carried(address, count))

    def left(self, poll: Poll, now: float, carrier: Carrier | None = None) -> None:
        """Note that the reply to a poll has left for the base."""
        commanded: tuple[int, ...] = ()
        if poll.carried:
            publish_commands(self._hub, self._commands.left(poll.carried, poll.unit_id, now, carrier))
            commanded = tuple(each.address for each in poll.carried)
        self.idle_polls.read(poll.address, len(poll.words), commanded, now)

    def write(
        self,
        address: int,
        words: Sequence[int],
        *,
        function_code: int,
        unit_id: int,
        now: float,
        carrier: Carrier | None = None,
    ) -> None:
        """Take words that the base wrote from `address` on, by broadcast (unit id 0) or to one of our unit ids."""
        for each, word in enumerate(words, address):
            if self._image.record(each, word, at=now, function_code=function_code, unit_id=unit_id):
                repeated = self._plant.repeats(each, word)
                reading = self._plant.observe(each, word, now)
                publish_reading(self._hub, reading, repeated=repeated)
                publish_commands(self._hub, self._commands.on_write(reading.ref, reading.value, now, carrier))
                self.idle_polls.written(each, now)
            else:
                self.counters.unknown_registers += 1

    def damaged(self, now: float) -> None:
        """Ask the base for its global values, because a frame of it was damaged and may have told them."""
        self._image.ask(now + 2 * self.walks.walk_s)

    def interrupted(self, now: float) -> None:
        """Note that the bus was not heard for a while, or begins to be heard by another connection."""
        self.walks.interrupted()
        self.damaged(now)

    def ask_of_bus(self, waits: Callable[[], bool]) -> None:
        """Take from the link how to see, without waiting, whether bytes of the base have arrived."""
        self._bus_waits = waits

    def bus_waits(self) -> bool:
        """Return whether the base waits to be read; whoever has more than 0.1 ms to do lets the loop go on first."""
        return self._bus_waits()


def publish_reading(hub: Hub, reading: Reading, *, repeated: bool = False) -> None:
    """Tell everybody what is known of a point; see `Hub.publish` for what is only `repeated`."""
    hub.publish(f"reading/{reading.ref.id}", reading, repeated=repeated)


def publish_commands(hub: Hub, commands: Iterable[Command]) -> None:
    """Tell everybody how commands stand."""
    for command in commands:
        hub.publish(f"command/{command.ref.id}", command)
