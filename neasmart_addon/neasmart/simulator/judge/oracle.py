"""Judges every word that a gateway serves by what people commanded and by what the base has told since.

It shares nothing with the gateway: commands come in by `ordered`, the base's own writes by `told`, what the base read
by `served`, and hands at thermostats by `turned`. Where a gateway has a choice within its rules the oracle allows both,
so what it accuses is wrong for certain. Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

from neasmart.facts.codecs import DPT9_STANDBY
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from neasmart.facts.rows import Kind, Part

SHORTEST_WALK_S = 4.0
LONGEST_WALK_S = 40.0
"""Between these a gateway takes its measured walk; within two walks it gives the benefit of the doubt."""
WALKS_WAITING = 3
UNREAD_WALKS = 2
WALKS_AFTER_READ = 7
_CLOCK_TICKS_S = 5.0
_GRACE_S = 2 * LONGEST_WALK_S
_YOUNG_S = 2 * SHORTEST_WALK_S
_WAITS_S = WALKS_WAITING * SHORTEST_WALK_S
_UNREAD_S = max(30.0, UNREAD_WALKS * LONGEST_WALK_S) + WALKS_WAITING * LONGEST_WALK_S + _CLOCK_TICKS_S
_READ_S = max(120.0, WALKS_AFTER_READ * LONGEST_WALK_S) + _CLOCK_TICKS_S
_LIFE_S = _UNREAD_S + _READ_S
_GLOBAL_NO_DATA = 10
_KEPT = 16
_ORDERS_KEPT = 64
"""A gateway remembers what the base has read, and of commands in a hurry most are never read."""
_HOUSE = TABLE.part(Part.HOUSE).address
"""It may end early, by what the rooms say."""
_CONFIRMED_WITHIN_C = 0.1 + 1e-6


class Explanation(StrEnum):
    """What explains a served word."""

    NOTHING = "nothing"
    COMMAND = "command"
    UNEXPLAINED = "unexplained"
    EARLY = "early"
    ENDED = "ended"
    TURNED = "turned"


class Limit(StrEnum):
    """Why a gateway could not know that a turn at a thermostat ended its command; `NONE` means that it could."""

    UNTOLD = "untold"
    BACK = "back"
    FIRST = "first"
    GRACE = "grace"
    ECHO = "echo"
    NONE = "none"


@dataclass(slots=True, kw_only=True)
class Order:
    """One command as people gave it; `known` are words that do not show a turn, `end` why it may not be served.

    `end_s` is since when not. Orders are numbered as they were given; `unsure` tells that it may have ended.
    """

    number: int
    address: int
    word: int
    given_s: float
    read_s: float | None = None
    last_read_s: float | None = None
    first_counts: bool = False
    unsure: bool = False
    known: dict[int, Limit] = field(default_factory=dict)
    end: Explanation | None = None
    end_s: float = float("inf")

    def stop(self, verdict: Explanation, at_s: float) -> None:
        """End the command, unless it has ended before."""
        if at_s < self.end_s:
            self.end, self.end_s = verdict, at_s


@dataclass(slots=True, kw_only=True)
class Turn:
    """The last change by hand of a register, and when the base has told it."""

    word: int
    at_s: float
    told_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Figures:
    """What has been judged; `undone` counts turns that an older command undid, by the limit that excuses it."""

    words: int = 0
    verdicts: Counter[Explanation] = field(default_factory=Counter)
    turns: int = 0
    undone: Counter[Limit] = field(default_factory=Counter)

    @property
    def accused(self) -> int:
        """How many words should not have been served, and turns not have been undone."""
        wrong = (Explanation.UNEXPLAINED, Explanation.EARLY, Explanation.ENDED, Explanation.TURNED)
        return sum(self.verdicts[each] for each in wrong) + self.undone[Limit.NONE]


class Oracle:
    """The commands of the people, the words of the base, and what follows for the words that are served."""

    def __init__(self) -> None:
        """Begin without commands and without words."""
        self._numbers = count(1)
        self._orders: dict[int, deque[Order]] = {}
        self._told: dict[int, deque[tuple[float, int]]] = {}
        self._rooms: dict[int, int] = {}
        self._turns: dict[int, Turn] = {}
        self._unjudged: dict[int, float] = {}
        self.figures = Figures()

    def ordered(self, address: int, word: int, at_s: float) -> Order:
        """Note a command; it takes the place of older ones for the register, and of rooms' if it is for all rooms."""
        ref = TABLE.by_address[address]
        for older in self._live():
            whole_house = ref.point.part is Part.HOUSE and TABLE.by_address[older.address].room
            if older.address == address or whole_house:
                older.stop(Explanation.ENDED, at_s)
        order = Order(number=next(self._numbers), address=address, word=word, given_s=at_s)
        told = self._told.get(address, ())
        before = [each for each in told if each[0] <= at_s]
        if before:
            order.known[before[-1][1]] = Limit.BACK
        order.first_counts = not before or at_s - before[-1][0] > _YOUNG_S
        self._orders.setdefault(address, deque(maxlen=_ORDERS_KEPT)).append(order)
        for told_s, told_word in told:
            if told_s > at_s:
                self._weigh(order, told_word, told_s)
        return order

    def restarted(self, at_s: float) -> None:
        """Note that a new gateway process has begun, which may know nothing of before."""
        self.stood_still(at_s)
        self.gap()

    def stood_still(self, at_s: float) -> None:
        """Note that a gateway goes on after a stop that it can see; it cannot know what was set meanwhile."""
        for order in self._live():
            order.stop(Explanation.ENDED, at_s)

    def gap(self) -> None:
        """Note that the gateway may have missed what was told; the first word after it tells of no turn."""
        self._told.clear()
        self._rooms.clear()

    def told(self, address: int, word: int, at_s: float) -> None:
        """Note a word that the base has written, and that has reached the gateway for certain."""
        ref = TABLE.by_address[address]
        if not ref.point.writable:
            return
        turn = self._turns.get(address)
        if turn is not None and turn.told_s is None and turn.word == word:
            turn.told_s = at_s
        if not _decides(ref, word):
            return
        self._told.setdefault(address, deque(maxlen=_KEPT)).append((at_s, word))
        if ref.point.part is Part.ROOM:
            self._room_told(address, word, at_s)
        for order in self._orders.get(address, ()):
            self._weigh(order, word, at_s)

    def perhaps_told(self, address: int, word: int) -> None:
        """Note a word that the base has written, and that may have reached the gateway or not."""
        self._rooms.pop(address, None)
        for order in self._orders.get(address, ()):
            order.known.setdefault(word, Limit.UNTOLD)

    def unjudged(self, address: int, word: int, at_s: float) -> None:
        """Note a word that the base has read while nobody could say what people had commanded."""
        ref = TABLE.by_address.get(address)
        if ref is not None and not _says_nothing(ref, word):
            self._unjudged[address] = at_s

    def turned(self, address: int, word: int, at_s: float) -> None:
        """Note that somebody changed a register by hand."""
        self.figures.turns += 1
        self._turns[address] = Turn(word=word, at_s=at_s)

    def served(self, address: int, word: int, at_s: float, *, asked_s: float | None = None) -> Explanation:
        """Return what explains a word that the base has read; it was served at any time since it asked."""
        verdict = self._judged(address, word, at_s, at_s if asked_s is None else asked_s)
        self.figures.words += 1
        self.figures.verdicts[verdict] += 1
        return verdict

    def adopted(self, address: int, word: int, at_s: float) -> Limit | None:
        """Note that the base has taken a word over; return by which limit a newer turn was undone, None if none was."""
        turn = self._turns.get(address)
        order = next((each for each in reversed(self._orders.get(address, ())) if each.word == word), None)
        if turn is None or order is None or not order.given_s < turn.at_s < at_s or turn.word == word:
            return None
        limit = self._limit(order, turn)
        self.figures.undone[limit] += 1
        del self._turns[address]
        return limit

    def evidence(self, address: int) -> str:
        """Return what the base told and people commanded of a register lately, oldest first, with its times."""
        told = [(at_s, f"base 0x{word:04X}") for at_s, word in self._told.get(address, ())]
        ordered = [(order.given_s, f"command 0x{order.word:04X}") for order in self._orders.get(address, ())]
        turn = self._turns.get(address)
        turned = [] if turn is None else [(turn.at_s, f"by hand 0x{turn.word:04X}")]
        return ", ".join(f"{what} at {at_s:.3f}" for at_s, what in sorted((*told, *ordered, *turned))[-_KEPT:])

    def _judged(self, address: int, word: int, at_s: float, asked_s: float) -> Explanation:
        ref = TABLE.by_address.get(address)
        if _says_nothing(ref, word):
            return Explanation.NOTHING
        orders = [order for order in self._orders.get(address, ()) if order.word == word]
        for order in reversed(orders):
            if order.end_s > asked_s and not self._too_old(order, asked_s) and not self._overtaken(order):
                order.read_s = at_s if order.read_s is None else order.read_s
                order.last_read_s = at_s
                return Explanation.EARLY if self._has_to_wait(order, at_s) else Explanation.COMMAND
        return (orders[-1].end or Explanation.ENDED) if orders else Explanation.UNEXPLAINED

    def _too_old(self, order: Order, at_s: float) -> bool:
        if order.read_s is not None:
            return at_s - order.read_s > _READ_S
        return at_s - order.given_s > _UNREAD_S

    def _weigh(self, order: Order, word: int, at_s: float) -> None:
        """Decide what a word of the base, told after a command was given, makes of the command."""
        if order.end is not None:
            return
        ref = TABLE.by_address[order.address]
        others = [
            each
            for each in self._orders[order.address]
            if each is not order and each.last_read_s is not None and at_s - each.last_read_s <= _GRACE_S
        ]
        unjudged = 0 <= at_s - self._unjudged.get(order.address, float("-inf")) <= _GRACE_S
        if _confirms(ref, word, order.word):
            # Before it was read, the base's own value may be about to change by a command that has to do with it.
            unsure = others or unjudged or (order.read_s is None and self._follows_another(order, at_s))
            order.unsure = True
            if not unsure:
                order.stop(Explanation.ENDED, at_s)
        elif order.known.get(word) not in (None, Limit.UNTOLD):
            return
        elif order.first_counts:
            order.first_counts = False
            order.known[word] = Limit.FIRST
        elif any(_affects(cause, ref) for cause in self._read_lately(at_s)):
            order.known[word] = Limit.GRACE
        elif unjudged or any(_confirms(ref, word, each.word) for each in others):
            order.known[word] = Limit.ECHO
        elif word not in order.known:
            order.stop(Explanation.TURNED, at_s)

    def _room_told(self, address: int, word: int, at_s: float) -> None:
        """End a state of the house that was read if a room has been set otherwise since."""
        before, self._rooms[address] = self._rooms.get(address, word), word
        house = self._orders.get(_HOUSE, ())
        echo = any(
            each.word == word and each.last_read_s is not None and at_s - each.last_read_s <= _GRACE_S
            for each in (*house, *self._orders.get(address, ()))
        )
        unjudged = any(at_s - self._unjudged.get(each, float("-inf")) <= _GRACE_S for each in (_HOUSE, address))
        if word == before or echo or unjudged:
            return
        for order in house:
            if order.read_s is not None and order.word != word:
                order.stop(Explanation.TURNED, at_s)

    def _has_to_wait(self, order: Order, at_s: float) -> bool:
        """Return whether a command that has to do with this one was given before it and is live for certain."""
        ref = TABLE.by_address[order.address]
        return at_s - order.given_s < _WAITS_S and any(
            each.number < order.number and not each.unsure and at_s - each.given_s < _WAITS_S
            for each in self._live()
            if each.address != _HOUSE and _affects(TABLE.by_address[each.address], ref) and not self._taken_along(each)
        )

    def _taken_along(self, order: Order) -> bool:
        """Return whether a command that this one may have waited for has ended, and may have ended it as well."""
        ref = TABLE.by_address[order.address]
        return any(
            each.number < order.number and each.end is not None and each.end_s >= order.given_s
            for address, orders in self._orders.items()
            if _affects(TABLE.by_address[address], ref)
            for each in orders
        )

    def _overtaken(self, order: Order) -> bool:
        """Return whether a newer command was read that a base that acts on this one may undo."""
        cause = TABLE.by_address[order.address]
        return any(
            each.number > order.number and each.read_s is not None and _affects(cause, TABLE.by_address[address])
            for address, orders in self._orders.items()
            for each in orders
        )

    def _limit(self, order: Order, turn: Turn) -> Limit:
        # A base that reacts some walks later may have read the command before it told of the turn.
        if turn.told_s is None or (order.last_read_s is not None and order.last_read_s <= turn.told_s):
            return Limit.UNTOLD
        return order.known.get(turn.word, Limit.NONE)

    def _read_lately(self, at_s: float) -> Iterator[Ref]:
        yield from (TABLE.by_address[each] for each, read_s in self._unjudged.items() if at_s - read_s <= _GRACE_S)
        for address, orders in self._orders.items():
            if any(each.last_read_s is not None and at_s - each.last_read_s <= _GRACE_S for each in orders):
                yield TABLE.by_address[address]

    def _follows_another(self, order: Order, at_s: float) -> bool:
        """Return whether a related command was read lately, or is one that this one may have had to wait for."""
        ref = TABLE.by_address[order.address]
        waited_for = (
            TABLE.by_address[address]
            for address, orders in self._orders.items()
            if any(0 <= order.given_s - each.given_s <= _LIFE_S for each in orders)
        )
        return any(_affects(cause, ref) for cause in (*self._read_lately(at_s), *waited_for))

    def _live(self) -> Iterator[Order]:
        return (order for orders in self._orders.values() for order in orders if order.end is None)


def _says_nothing(ref: Ref | None, word: int) -> bool:
    return word == 0 or (word == _GLOBAL_NO_DATA and ref is not None and ref.of_house and ref.point.writable)


def _affects(cause: Ref, ref: Ref) -> bool:
    """Return whether a base that takes a command for `cause` may change `ref` by itself."""
    if ref.of_house:
        return False
    match cause.point.part:
        case Part.HOUSE:
            return True
        case Part.SEASON:
            return ref.point.part is Part.TARGET
        case _:
            return cause.point.part is Part.ROOM and ref.point.part is Part.TARGET and cause.index == ref.index


def _decides(ref: Ref, word: int) -> bool:
    """Return whether a told word is one that could be commanded; no-data, mixed and standby words decide nothing."""
    return word not in (0, DPT9_STANDBY) and ref.decode(word).value is not None


def _confirms(ref: Ref, told: int, ordered: int) -> bool:
    if told == ordered:
        return True
    values = ref.decode(told).value, ref.decode(ordered).value
    if ref.point.kind is not Kind.TEMPERATURE or None in values:
        return False
    return abs(float(values[0] or 0) - float(values[1] or 0)) <= _CONFIRMED_WITHIN_C
