"""The names of all MQTT topics, so that discovery, states and commands cannot disagree about one.

A point's topic is its id with slashes: ``zone.1.3.setpoint`` becomes ``<prefix>/<node>/zone/1/3/setpoint``, and the
same with ``/set`` takes commands.
"""

from __future__ import annotations

from dataclasses import dataclass

from neasmart.core.state.plant import ZoneIndex
from neasmart.facts.points import TABLE

ONLINE = "online"
OFFLINE = "offline"
_TOPIC_LIMIT = 300
HOUSE = TABLE.house.place()
READ_ALL = f"{HOUSE}.read_all"
HOUSE_CLIMATE = f"{HOUSE}.climate"
ZONE_TOPICS = ("climate", "available", "last_command")
"""The last parts of the retained topics below a zone beside its points, so that it can be removed completely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The names for one gateway; `node` tells several gateways on one broker apart."""

    prefix: str
    node: str
    discovery_prefix: str

    @property
    def root(self) -> str:
        """Where all of this gateway's topics begin."""
        return f"{self.prefix}/{self.node}"

    @property
    def status(self) -> str:
        """Whether the gateway is connected to the broker; the broker writes ``offline`` when it is lost."""
        return f"{self.root}/status"

    @property
    def bus(self) -> str:
        """Whether the base is heard."""
        return f"{self.root}/bus"

    @property
    def link(self) -> str:
        """The connection to the bus, as JSON."""
        return f"{self.root}/link"

    @property
    def diagnostics(self) -> str:
        """How busy the bus is, as JSON."""
        return f"{self.root}/diagnostics"

    @property
    def wiring(self) -> str:
        """What the doctor says of the bus, as JSON."""
        return f"{self.root}/wiring"

    @property
    def house(self) -> str:
        """The climate entity of the whole house, as JSON."""
        return self.point(HOUSE_CLIMATE)

    @property
    def changed(self) -> str:
        """What somebody has changed at the base, as JSON; never retained."""
        return f"{self.root}/changed"

    @property
    def gateway(self) -> str:
        """Which run of which gateway writes here; another word than ours means another gateway with our node id."""
        return f"{self.root}/gateway"

    @property
    def everything(self) -> str:
        """The filter for all topics of this gateway, those that it writes and those that command it."""
        return f"{self.root}/#"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery_prefix}/status"

    @property
    def commands(self) -> tuple[str, ...]:
        """The filters that cover every command topic."""
        room = "/".join((TABLE.rooms.key, *("+" for _ in TABLE.rooms.axes)))
        return (f"{self.root}/{HOUSE}/+/set", f"{self.root}/{room}/+/set")

    def point(self, ref_id: str) -> str:
        """Return the state topic of a point, derived or not."""
        return f"{self.root}/{ref_id.replace('.', '/')}"

    def command(self, ref_id: str) -> str:
        """Return the command topic of a point."""
        return f"{self.point(ref_id)}/set"

    def zone(self, zone: ZoneIndex, part: str) -> str:
        """Return a topic below a zone."""
        return self.point(f"{TABLE.rooms.place(*zone)}.{part}")

    def last_command(self, place: str) -> str:
        """Return the topic that tells how the last command to a place, ``global`` or ``zone.1.3``, has ended."""
        return f"{self.point(place)}/last_command"

    def target(self, topic: str) -> str | None:
        """Return what a command topic commands, such as ``zone.1.3.preset``; None for other topics."""
        head, tail = f"{self.root}/", "/set"
        # A topic that is longer than any of ours is not worth being taken apart.
        if len(topic) > _TOPIC_LIMIT or not topic.startswith(head) or not topic.endswith(tail):
            return None
        return topic[len(head) : -len(tail)].replace("/", ".")

    @property
    def base_device(self) -> str:
        """The identifier of the base station's device."""
        return f"{self.node}_base"

    def zone_device(self, zone: ZoneIndex) -> str:
        """Return the identifier of a zone's device."""
        return f"{self.node}_zone_{zone[0]}_{zone[1]}"

    def discovery(self, device: str) -> str:
        """Return the topic of a device's discovery message."""
        return f"{self.discovery_prefix}/device/{device}/config"
