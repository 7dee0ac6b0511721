"""The two banks at one address: what the base has reported, for display, and what it shall read, which is commands.

The maker's own product models the two directions as two channels; so do we. `reported` is filled by writes of the base
alone and never read back to it: writes are broadcasts that nobody acknowledges, so whether a report is still the base's
own value cannot be known, and an outdated one is a command that nobody gave. The base reads live commands, and the
no-data word everywhere else, which makes it write its own value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from neasmart.facts.registers import ADDRESS_LIMIT, RegisterTable

_BLOCKS = 512
"""A base asks for some hundred different blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One register as the base last wrote it; `at` is monotonic seconds, `unit_id` 0 for a broadcast."""

    word: int
    at: float
    function_code: int
    unit_id: int


class NoData(NamedTuple):
    """The words that are no command: `ask` makes the base write its value, `told` is ignored; often the same."""

    ask: int
    told: int


class RegisterImage:
    """Words by address; the base reads those of live commands, and of nothing else."""

    def __init__(
        self, table: RegisterTable, *, late_s: float = 10.0, no_data: Mapping[int, NoData] | None = None
    ) -> None:
        """Start empty; `no_data` overrides the table's no-data words of single addresses.

        Where two no-data words differ, the asking one is served while the last report is older than `late_s`.
        """
        self.late_s = late_s
        self._known = frozenset(table.by_address)
        self._no_data = {
            ref.address: NoData(point.no_data, point.no_data if point.told is None else point.told)
            for ref in table.writable
            if (point := ref.point).no_data is not None
        } | dict(no_data or {})
        self._resting = {address: words.ask for address, words in self._no_data.items() if words.ask == words.told}
        self._asking = tuple(self._no_data.keys() - self._resting.keys())
        self._constant: dict[tuple[int, int], list[int]] = {}
        self._reports: dict[int, Report] = {}
        self._desired: dict[int, int] = {}
        self.commands = False
        """Whether the word of any command is served."""
        self._ask_until: dict[int, float] = {}

    def use(self, *, late_s: float) -> None:
        """Ask again for what was told longer ago than this."""
        self.late_s = late_s

    def record(self, address: int, word: int, *, at: float, function_code: int, unit_id: int) -> bool:
        """Keep a word that the base wrote; return whether the register has a meaning."""
        known = address in self._known
        if address >= ADDRESS_LIMIT:
            return False
        self._reports[address] = Report(word=word, at=at, function_code=function_code, unit_id=unit_id)
        return known

    def desire(self, address: int, word: int) -> None:
        """Serve `word` at `address` until it is dropped."""
        self._desired[address] = word
        self.commands = True

    def drop(self, address: int) -> None:
        """Serve the no-data word again."""
        self._desired.pop(address, None)
        self.commands = bool(self._desired)

    def ask(self, until: float, addresses: Iterable[int] | None = None) -> None:
        """Serve the asking no-data word at these registers, or at all, until a monotonic time."""
        for address in self._asking if addresses is None else addresses:
            self._ask_until[address] = max(until, self._ask_until.get(address, until))

    def served(self, address: int, count: int, now: float) -> list[int]:
        """Return the words for a poll of a block, for reading only.

        Each is that of the live command, else the no-data word, and 0 for registers unknown. Blocks in which that is
        all there can be are remembered while there is no command, because the base waits.
        """
        if not self.commands:
            known = self._constant.get((address, count))
            if known is not None:
                return known
        block = range(address, address + count)
        words = [self._word(each, now) for each in block]
        if not self.commands and not any(each in block for each in self._asking):
            if len(self._constant) >= _BLOCKS:
                self._constant.clear()
            self._constant[address, count] = words
        return words

    def desired(self, address: int) -> bool:
        """Return whether the word of a command is served at an address."""
        return address in self._desired

    def forget(self, address: int) -> None:
        """Forget what the base wrote at an address."""
        self._reports.pop(address, None)

    def report(self, address: int) -> Report | None:
        """Return what the base last wrote at an address since this process started."""
        return self._reports.get(address)

    def unknown(self) -> Iterable[tuple[int, Report]]:
        """Return the registers that were written and have no meaning in the table, by address."""
        return sorted((address, report) for address, report in self._reports.items() if address not in self._known)

    def _word(self, address: int, now: float) -> int:
        word = self._desired.get(address)
        if word is None:
            word = self._resting.get(address)
        if word is not None:
            return word
        words = self._no_data.get(address)
        if words is None:
            return 0
        report = self._reports.get(address)
        fresh = report is not None and now - report.at <= self.late_s
        return words.told if fresh and now >= self._ask_until.get(address, now) else words.ask


class LastReports:
    """For experts: serves what the base reported last, where no command is live, as other gateways do.

    Outside of what this gateway promises, because a report that is outdated without our knowing is a command. `image`
    is asked for all else; reports older than `fresh_s` says are never served.
    """

    def __init__(self, image: RegisterImage, fresh_s: Callable[[], float]) -> None:
        """Serve reports of `image`."""
        self._image = image
        self._fresh_s = fresh_s

    def served(self, address: int, count: int, now: float) -> list[int]:
        """Return the words for a poll of a block."""
        words = self._image.served(address, count, now)
        return [self._word(each, word, now) for each, word in enumerate(words, address)]

    def _word(self, address: int, word: int, now: float) -> int:
        report = self._image.report(address)
        if report is None or now - report.at > self._fresh_s() or self._image.desired(address):
            return word
        return report.word
