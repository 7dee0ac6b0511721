"""Works out the derived values of the table from the readings of their sources, whenever somebody asks.

What is remembered between two looks is the last value of each, because some risks end later than they begin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from neasmart.core.state.plant import Plant
from neasmart.facts.codecs import Value
from neasmart.facts.registers import DerivedRef, Known, Margins, Ref


class Derivations:
    """The values that follow from the plant's readings."""

    def __init__(self, plant: Plant) -> None:
        """Start without a value."""
        self._plant = plant
        self._margins = Margins()
        self._before: dict[str, Value] = {}

    def use(self, margins: Margins) -> None:
        """Judge by these margins from now on."""
        self._margins = margins

    def exists(self, ref: DerivedRef) -> bool:
        """Return whether the base has ever told a value of each source."""
        return all(
            any(self._plant.reading(source).held is not None for source in refs) for refs in ref.sources.values()
        )

    def value(self, ref: DerivedRef) -> Value:
        """Return a value as it follows from what is known now, None if it cannot be told."""
        known = Known(
            values={part: self._known(refs) for part, refs in ref.sources.items()},
            before=self._before.get(ref.id),
            margins=self._margins,
        )
        found = self._before[ref.id] = ref.point.work(known)
        return found

    def replayed(self, ref: DerivedRef, values: dict[int, Value], before: Value) -> Value:
        """Return what followed from these values by address, and from what was before; nothing is remembered."""
        found = {
            part: [float(value) for source in refs if (value := values.get(source.address)) is not None]
            for part, refs in ref.sources.items()
        }
        return ref.point.work(Known(values=found, before=before, margins=self._margins))

    def told(self, places: Collection[tuple[int, ...]] | None = None) -> Iterator[tuple[DerivedRef, Value]]:
        """Yield every value that exists, or those of some places, an empty one for the whole house."""
        for ref in self._plant.table.derived.values():
            if (places is None or ref.index in places) and self.exists(ref):
                yield ref, self.value(ref)

    def _known(self, refs: tuple[Ref, ...]) -> list[float]:
        """Return the values that count: of several sources those that are fresh, one alone as long as it is there."""
        readings = map(self._plant.reading, refs)
        alone = len(refs) == 1
        return [float(each.value) for each in readings if each.value is not None and (alone or not each.stale)]
