"""What the owner says of the rooms outlives everything: restarts, a damaged database, a damaged file, a full disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from neasmart.core.gateway import ROOMS, Gateway
from neasmart.core.recall import Question
from neasmart.core.state.plant import Plant
from neasmart.core.state.rooms import Room, RoomsStatus
from neasmart.facts.errors import NeasmartError
from neasmart.facts.points import TABLE
from neasmart.settings.model import Settings, ZoneSettings
from neasmart.store import RoomBook, RoomsFile
from neasmart.store.files.folder_lock import FolderLock
from neasmart.store.history import BLOCK_MIN
from neasmart.store.reported import ReportedRows
from neasmart.wiring.app import build_gateway
from neasmart.wiring.tuning import first_rooms
from tests.support.store import Bench, MovedClock

pytestmark = [pytest.mark.unguarded("descriptors", reason="the lock of the data folder is held until its process ends")]

KITCHEN = Room(base_id=1, zone_id=2, name="Küche", floor="Erdgeschoss", position=1, from_page=True)
TEMPERATURE = TABLE.ref("zone.1.2.temperature").address
OTHER = TABLE.ref("zone.1.3.temperature").address


def opened(folder: Path) -> tuple[Gateway, RoomBook, FolderLock]:
    gateway, lock = build_gateway(Settings()), FolderLock(folder)
    return gateway, RoomBook(gateway, RoomsFile(folder, lock)), lock


def set_aside(folder: Path) -> list[Path]:
    return list(folder.glob("rooms.json.corrupt-*"))


def detail(gateway: Gateway) -> str | None:
    return (gateway.hub.state(ROOMS, RoomsStatus) or RoomsStatus()).detail


async def test_names_are_there_after_a_restart_and_can_be_read_by_people(tmp_path: Path) -> None:
    gateway, book, lock = opened(tmp_path)
    await book.open([])
    gateway.put_rooms([KITCHEN])
    assert await book.save()
    lock.release()

    again, book, _ = opened(tmp_path)
    await book.open([])

    assert again.rooms.of((1, 2)) == KITCHEN
    assert again.plant.zone_name(1, 2) == "Küche"
    text = (tmp_path / "rooms.json").read_text(encoding="utf-8")
    assert '"name": "Küche"' in text
    assert json.loads(text)["format"] == 1


async def test_settings_give_first_names_and_the_page_has_the_last_word(tmp_path: Path) -> None:
    first = first_rooms(Settings(zones=[ZoneSettings(base=1, zone=2, name="Zone two", floor="Ground")]))
    gateway, book, lock = opened(tmp_path)
    await book.open(first)
    assert gateway.rooms.of((1, 2)).name == "Zone two"
    gateway.put_rooms([KITCHEN])
    gateway.take_over_rooms(first)
    assert await book.save()
    lock.release()

    again, book, _ = opened(tmp_path)
    await book.open(first)

    assert again.rooms.of((1, 2)).name == "Küche"


async def test_a_name_of_the_settings_stays_when_it_is_gone_from_there(tmp_path: Path) -> None:
    _gateway, book, lock = opened(tmp_path)
    await book.open([Room(base_id=1, zone_id=2, name="Kitchen")])
    assert await book.save()
    lock.release()

    again, book, _ = opened(tmp_path)
    await book.open([])

    assert again.plant.zone_name(1, 2) == "Kitchen"
    again.take_over_rooms([Room(base_id=1, zone_id=2, name="Other")])
    assert again.plant.zone_name(1, 2) == "Other"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format":1,"rooms":[{"base_id":9,"zone_id":1}]}', b"\xff", b"[" * 100_000]
)
async def test_a_damaged_file_is_set_aside_and_the_next_word_is_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rooms.json").write_bytes(content)
    gateway, book, _ = opened(tmp_path)

    await book.open([])
    gateway.put_rooms([KITCHEN])

    assert await book.save()
    (aside,) = set_aside(tmp_path)
    assert aside.read_bytes() == content
    assert "Küche" in (tmp_path / "rooms.json").read_text(encoding="utf-8")


async def test_a_disk_that_refuses_is_told_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    gateway, book, _ = opened(folder)
    await book.open([])
    gateway.put_rooms([KITCHEN])
    (folder / "rooms.json.new").mkdir()
    running = asyncio.create_task(book.run())
    try:
        async with asyncio.timeout(30):
            while detail(gateway) is None:  # noqa: ASYNC110 - what is waited for sends no event
                await asyncio.sleep(0.01)
            assert "not stored" in str(detail(gateway))
            (folder / "rooms.json.new").rmdir()
            while detail(gateway) is not None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    finally:
        running.cancel()

    assert "Küche" in (folder / "rooms.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"format": 2, "rooms": [{"base_id": 1, "zone_id": 2, "name": "Küche", "icon": "pot"}]}', {(1, 2): "Küche"}),
        ('{"format": 2, "rooms": {"1.2": "Küche"}}', {}),
        ('{"format": 3, "floors": []}', {}),
    ],
)
async def test_a_file_of_a_newer_version_is_told_and_never_overwritten(
    tmp_path: Path, text: str, names: dict[tuple[int, int], str]
) -> None:
    (tmp_path / "rooms.json").write_text(text, encoding="utf-8")
    gateway, book, _ = opened(tmp_path)

    await book.open([])
    assert gateway.rooms.names == names
    gateway.put_rooms([Room(base_id=1, zone_id=3, name="Bath", from_page=True)])

    for _ in range(2):
        assert not await book.save()
    assert "newer version" in str(detail(gateway))
    assert gateway.rooms.names == {**names, (1, 3): "Bath"}
    assert (tmp_path / "rooms.json").read_text(encoding="utf-8") == text
    assert set_aside(tmp_path) == []


async def test_a_second_gateway_changes_nothing_and_learns_before_it_writes(tmp_path: Path) -> None:
    gateway, book, lock = opened(tmp_path)
    await book.open([])
    gateway.put_rooms([KITCHEN])
    assert await book.save()
    other, second, _ = opened(tmp_path)
    await second.open([])
    assert "Another gateway uses the folder" in str(detail(other))
    other.put_rooms([Room(base_id=1, zone_id=3, name="Bath", from_page=True)])
    assert not await second.save()

    lock.release()

    assert await second.save()
    assert other.rooms.names == {(1, 2): "Küche", (1, 3): "Bath"}
    assert detail(other) is None


def test_a_power_cut_while_writing_leaves_the_old_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RoomsFile(tmp_path, FolderLock(tmp_path))
    file.save([KITCHEN])

    def cut(_number: int) -> None:
        raise NeasmartError("the power is cut")

    monkeypatch.setattr("neasmart.store.rooms.rooms_file.os.fsync", cut)
    with pytest.raises(NeasmartError):
        file.save([])

    assert file.load() == [KITCHEN]


async def test_the_past_of_a_forgotten_room_goes_and_that_of_others_stays(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock())
    await bench.store.open()
    begin = bench.time.wall_s
    for _ in range(3 * BLOCK_MIN):
        bench.write(TEMPERATURE, 0x0C65)
        bench.write(OTHER, 0x0C65)
        await bench.wait(60, step_s=30)

    await bench.store.forget([TEMPERATURE])

    assert bench.rows("SELECT address FROM reported") == [(OTHER,)]
    end = bench.time.wall_s
    await bench.wait(60)
    series = await bench.store.history(Question(addresses=[TEMPERATURE, OTHER], begin_s=begin, end_s=end))
    assert [word for _, word in series[TEMPERATURE] if word is not None] == []
    assert [word for _, word in series[OTHER] if word is not None] == [0x0C65]
    bench.write(TEMPERATURE, 0x0C66)
    await bench.wait(60)
    series = await bench.store.history(Question(addresses=[TEMPERATURE], begin_s=begin, end_s=bench.time.wall_s))
    assert [word for _, word in series[TEMPERATURE] if word is not None] == [0x0C66]


async def test_what_is_being_written_brings_no_forgotten_room_back(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock())
    await bench.store.open()
    bench.write(TEMPERATURE, 0x0C65)
    await bench.wait(60)
    bench.write(TEMPERATURE, 0x0C66)
    bench.time.pass_by(60)

    await asyncio.gather(bench.store.step(), bench.store.forget([TEMPERATURE]), bench.store.step())

    assert bench.rows("SELECT address FROM reported") == []


def test_a_register_that_is_forgotten_while_it_is_written_is_stored_when_it_is_told_again() -> None:
    clock = MovedClock().clock
    rows = ReportedRows(clock)
    reading = Plant(TABLE).observe(TEMPERATURE, 0x0C65, clock.monotonic())
    rows.take(reading)
    writing = rows.changes()

    rows.drop([TEMPERATURE])
    writing.confirm()
    rows.changes().confirm()

    assert list(rows.restorable()) == []
    rows.take(reading)
    assert rows.waiting == 1
