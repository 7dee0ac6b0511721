"""The two register banks: what the base has reported, and what it shall read.

The maker's own product models the two directions of one address as two channels; so do we. `reported` is filled by
bus writes alone, `desired` by live commands alone. Nothing that was stored on disk ever enters either bank, because a
stale value served to the base is a command: rooms would fall back to what was set days ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neasmart.registers import ADDRESS_LIMIT, RegisterTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One register as the base last wrote it; `at` is monotonic seconds, `unit_id` 0 for a broadcast."""

    word: int
    at: float
    function_code: int
    unit_id: int


class RegisterImage:
    """Words by address, and the rule that decides which of them the base may read."""

    def __init__(
        self,
        table: RegisterTable,
        *,
        fresh_s: float,
        no_data: Mapping[int, int] | None = None,
    ) -> None:
        """Start empty; `no_data` overrides the table's no-data word of single addresses.

        A report is served only while nothing can have been missed since: one that is older than `fresh_s`, or that
        is doubted, is not. The base may have moved on, and reading the no-data word makes it write its own value.
        """
        self._no_data: dict[int, int] = {
            ref.address: ref.point.no_data for ref in table.writable if ref.point.no_data is not None
        }
        self.serve_without_data(no_data or {})
        self._known = frozenset(table.by_address)
        self.fresh_s = fresh_s
        self._reports: dict[int, Report] = {}
        self._desired: dict[int, int] = {}
        self._doubted: set[int] = set()
        self.unknown_writes = 0

    def serve_without_data(self, no_data: Mapping[int, int]) -> None:
        """Use other no-data words for single addresses."""
        self._no_data.update(no_data)

    def record(self, address: int, word: int, *, at: float, function_code: int, unit_id: int) -> bool:
        """Keep a word that the base wrote; return whether the register has a meaning."""
        known = address in self._known
        if not known:
            self.unknown_writes += 1
            if address >= ADDRESS_LIMIT:
                return False
        self._reports[address] = Report(word=word, at=at, function_code=function_code, unit_id=unit_id)
        self._doubted.discard(address)
        return known

    def desire(self, address: int, word: int) -> None:
        """Serve `word` at `address` until it is dropped."""
        self._desired[address] = word

    def drop(self, address: int) -> None:
        """Serve the base's own value again."""
        self._desired.pop(address, None)

    def doubt(self, addresses: Iterable[int]) -> None:
        """Serve the no-data word for these registers until the base has written them anew."""
        self._doubted.update(address for address in addresses if address in self._reports and address in self._no_data)

    def doubt_all(self) -> int:
        """Serve no-data words for all that has been reported, until it is written anew; return for how many."""
        self.doubt(self._no_data)
        return len(self._doubted)

    @property
    def reported_commands(self) -> int:
        """How many of the registers that the base asks us for it has reported."""
        return sum(address in self._reports for address in self._no_data)

    @property
    def doubted(self) -> int:
        """How many reported registers wait to be written anew."""
        return len(self._doubted)

    def served(self, address: int, now: float) -> int:
        """Return the word for a poll: the live command, else a fresh report of this process, else the no-data word."""
        word = self._desired.get(address)
        if word is not None:
            return word
        report = self._reports.get(address)
        no_data = self._no_data.get(address)
        if report is None:
            return no_data or 0
        if no_data is not None and (address in self._doubted or now - report.at > self.fresh_s):
            return no_data
        return report.word

    def report(self, address: int) -> Report | None:
        """Return what the base last wrote at an address since this process started."""
        return self._reports.get(address)

    def unknown(self) -> Iterable[tuple[int, Report]]:
        """Return the registers that were written and have no meaning in the table, by address."""
        return sorted((address, report) for address, report in self._reports.items() if address not in self._known)
