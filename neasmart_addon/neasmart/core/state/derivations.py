"""Works out the derived values of the table from the readings of their sources, whenever somebody asks.

What is remembered between two looks is the last value of each, because some risks end later than they begin, and since
when it has been so. It is worked out anew only when a source has changed: REST, MQTT and pages all ask, and the mean of
sixty rooms at each report would be a third of their work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from neasmart.core.state.plant import Plant
from neasmart.facts.clock import Clock
from neasmart.facts.codecs import Value
from neasmart.facts.registers import DerivedRef, Ref
from neasmart.facts.rows import Inputs, Margins


class Derivations:
    """The values that follow from the plant's readings."""

    def __init__(self, plant: Plant, clock: Clock) -> None:
        """Start without a value."""
        self._plant = plant
        self._clock = clock
        self._margins = Margins()
        self._last: dict[str, tuple[Value, float]] = {}
        self._current: set[str] = set()

    def use(self, margins: Margins) -> None:
        """Judge by these margins from now on."""
        self._margins = margins
        self._current.clear()

    def exists(self, ref: DerivedRef) -> bool:
        """Return whether the base has ever told a value of each source."""
        reading = self._plant.reading
        return all(any(reading(each).held is not None for each in refs) for refs in ref.sources.values())

    def value(self, ref: DerivedRef) -> Value:
        """Return a value as it follows from what is known now, None if it cannot be told."""
        changed = self._plant.changed
        while changed:
            self._current.difference_update(each.id for each in self._plant.table.dependants.get(changed.pop(), ()))
        before, _ = self._last.get(ref.id, (None, 0.0))
        if ref.id in self._current:
            return before
        inputs = {part: self._known(refs) for part, refs in ref.sources.items()}
        found = ref.point.work(Inputs(values=inputs, before=before, margins=self._margins))
        if found != before or ref.id not in self._last:
            self._last[ref.id] = (found, self._clock.monotonic())
        self._current.add(ref.id)
        return found

    def replayed(self, ref: DerivedRef, values: Mapping[int, Value], before: Value) -> Value:
        """Return what followed from such values by address, and from what was before; nothing is remembered."""
        inputs = {
            part: [float(value) for each in refs if (value := values.get(each.address)) is not None]
            for part, refs in ref.sources.items()
        }
        return ref.point.work(Inputs(values=inputs, before=before, margins=self._margins))

    def all(self) -> dict[str, Value]:
        """Return every value that exists by its id."""
        return {ref.id: self.value(ref) for ref in self._plant.table.derived.values() if self.exists(ref)}

    def moved(self, addresses: Iterable[int], since: float) -> Iterator[tuple[DerivedRef, Value]]:
        """Yield what follows from some registers and has become so at a monotonic time or later."""
        dependants = self._plant.table.dependants
        refs = {ref.id: ref for address in addresses for ref in dependants.get(address, ())}
        for ref in filter(self.exists, refs.values()):
            value = self.value(ref)
            if self._last[ref.id][1] >= since:
                yield ref, value

    def _known(self, refs: tuple[Ref, ...]) -> list[float]:
        """Return the values that count: of several sources those that are fresh, one alone as long as it is there."""
        readings = map(self._plant.reading, refs)
        alone = len(refs) == 1
        return [float(each.value) for each in readings if each.value is not None and (alone or not each.stale)]
