from __future__ import annotations

from neasmart.cli import tables as docs
from neasmart.settings.loading import environment_names
from neasmart.settings.meanings import MEANINGS


def row(key: str) -> str:
    return next(line for line in docs.settings().splitlines() if line.startswith(f"| `{key}` "))


def test_every_setting_has_a_meaning_and_no_meaning_is_left_over() -> None:
    assert MEANINGS.keys() == {".".join(path) for path in environment_names().values()}
    assert not [key for key, text in MEANINGS.items() if not text.strip()]


def test_the_table_says_what_is_allowed_in_words_that_no_version_of_python_changes() -> None:
    assert "| `auto`, `tcp`, `rtu_tcp`, `serial` |" in row("server.type")
    assert "| 0 to 15 |" in row("server.reply_delay_ms")
    assert "| list of 1 to 247 |" in row("modbus.slave_id")
    assert "| `true`, `false` |" in row("logging.debug_mode")
    assert "| list of objects |" in row("zones")
