"""Moves a house from an older gateway to this one: its settings into config.json, its registers for display.

Nothing is written without `--apply`, and a copy of each file that is changed stays beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from neasmart.facts.errors import NeasmartError, SettingsError
from neasmart.facts.status import Closable
from neasmart.settings import loading as settings_loading
from neasmart.settings import older_settings
from neasmart.settings.checks import joined
from neasmart.settings.model import SECRETS
from neasmart.settings.named_files import SIZE_LIMIT, may_exist, read_regular
from neasmart.settings.older_words import OLDER_FORM
from neasmart.store import older as older_registers
from neasmart.store.files.database import MAGIC
from neasmart.wiring import settings_store

_MODULES = "config_modules"
"""With this key an older gateway's `main.json` names the files beside it."""
_ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*"""
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>.*?))(?:\s+\#.*)?\s*"""
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `import`."""
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="registers.db, options.json, config.json, a folder of such, or .env"
    )
    parser.add_argument("--apply", action="store_true", help="write; without it, only say what would be done")


def run(namespace: argparse.Namespace) -> int:
    """Say what is taken, changed and dropped, and do it with `--apply`; raise SettingsError for our own settings."""
    try:
        path = namespace.path
        content = b"" if path.is_dir() else read_regular(path)
        if content.startswith(MAGIC):
            _import_registers(path, apply=namespace.apply)
        else:
            old = _of_folder(path) if path.is_dir() else _parsed(path, content)
            _import_settings(path, _of_folder(path.parent) if _MODULES in old else old, apply=namespace.apply)
    except SettingsError:
        raise
    except NeasmartError as error:
        sys.stderr.write(f"neasmart: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"neasmart: {error.filename or namespace.path}: {error.strerror}\n")
        return 1
    if not namespace.apply:
        _say("Nothing was written. Add --apply to do it.")
    return 0


def _shown(key: str, value: object) -> object:
    return "(hidden)" if key in SECRETS and value else value


def _import_settings(path: Path, old: dict[str, object], *, apply: bool) -> None:
    own = settings_loading.config_target()
    present = settings_loading.read_file(own) if may_exist(own) else {}
    judged = settings_loading.load_document(present, str(own))
    if judged.faults and own.samefile(path) and (judged.notes or present.keys() & OLDER_FORM):
        # The older file lies where ours does, and becomes ours as a whole; in ours, what is refused may be a lock.
        present = {}
    document, result = older_settings.accepted(present, older_settings.translated(old), str(own))
    changes = 0
    for (section, key), (value, old_name) in result.taken.items():
        before = present.get(section, {}).get(key)
        shown = _shown(key, value)
        if before == value:
            _say(f"taken    {old_name} = {shown}: {section}.{key} is so already")
            continue
        changes += 1
        was = "" if before is None else f", instead of {_shown(key, before)}"
        _say(f"{'taken  ' if before is None else 'changed'}  {old_name}: {section}.{key} = {shown}{was}")
    for room in result.rooms:
        changes += 1
        floor = f" ({room['floor']})" if room.get("floor") else ""
        _say(f"taken    zone {room['base']}.{room['zone']}: {room.get('name', '')}{floor}")
    for old_name, reason in result.dropped.items():
        _say(f"dropped  {old_name}: {reason}")
    if not apply or not changes:
        return
    _become_owner(own)
    copy = _copy_name(own)
    settings_store.write(own, document, copy=copy)
    if copy.exists():
        _say(f"{own} is kept as {copy}.")
    _say(f"{own} is written. It counts from the next start on.")


def _import_registers(path: Path, *, apply: bool) -> None:
    judged = settings_loading.load_judged()
    if Closable.STORE in judged.closed:
        raise SettingsError(joined(judged.faults))
    target = Path(judged.settings.database.path)
    found, at_unix_s = older_registers.read(path), path.stat().st_mtime
    if apply:
        _become_owner(target)
    known = older_registers.present(target)
    new = {address: word for address, word in found.words.items() if address not in known}
    _say(f"taken    {len(new)} registers, for display until the base reports them; they are never served to it")
    _say(f"dropped  {len(found.words) - len(new)} registers that this gateway knows itself")
    _say(f"dropped  {found.not_ours} registers that have no meaning here")
    _say(f"dropped  {found.never_reported} registers that hold 0, as older gateways begin with it")
    if found.refused:
        _say(f"refused  {found.refused} rows that are not one pickled register value each")
    if not apply or not new:
        return
    copy = _copy_name(target)
    older_registers.add(target, new, at_unix_s=at_unix_s, copy=copy)
    if copy.exists():
        _say(f"{target} is kept as {copy}.")
    _say(f"{target} is written. The page shows it from the next start on.")


def _of_folder(folder: Path) -> dict[str, object]:
    """Return what the files of a folder say together; `main.json` has the last word on single settings."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("*.json")):
        found |= _parsed(path, read_regular(path))
    overrides = found.pop("overrides", None)
    found.pop(_MODULES, None)
    if not found:
        raise older_registers.OlderFileError(f"{folder}: is a folder without settings of an older gateway")
    for name, value in overrides.items() if isinstance(overrides, dict) else ():
        section, _, key = name.partition(".")
        values = found.setdefault(section, {})
        if key and isinstance(values, dict):
            values[key] = value
        elif not key:
            found[name] = value
    return found


def _parsed(path: Path, content: bytes) -> dict[str, object]:
    """Read JSON or lines such as SLAVE_ID=240."""
    if len(content) > SIZE_LIMIT:
        raise older_registers.OlderFileError(f"{path}: is larger than {SIZE_LIMIT} bytes, so it holds no settings")
    try:
        text = content.decode(json.detect_encoding(content))
        if text.lstrip().startswith(("{", "[")):
            document = json.loads(text)
            if isinstance(document, dict):
                return document
            raise older_registers.OlderFileError(f"{path}: must hold one JSON object")
    except UnicodeDecodeError as error:
        raise older_registers.OlderFileError(
            f"{path}: is not saved as UTF-8 (byte {error.start}). Save it so"
        ) from error
    except (ValueError, RecursionError) as error:
        raise older_registers.OlderFileError(f"{path}: holds neither registers nor settings ({error})") from error
    found = (_ASSIGNMENT.fullmatch(line) for line in text.splitlines())
    assigned: dict[str, object] = {
        each["name"]: next(each[kind] for kind in ("double", "single", "plain") if each[kind] is not None)
        for each in found
        if each
    }
    if not assigned:
        raise older_registers.OlderFileError(
            f"{path}: holds neither registers nor settings of an older gateway. What can be read are its registers.db,"
            " options.json, config.json and .env"
        )
    return assigned


def _become_owner(path: Path) -> None:
    """Have root go on as the account whose file and folder this is, so that no link of its in there leads root away."""
    folder = path.absolute().parent
    if os.getuid() != 0 or not folder.exists():
        return
    owner = folder.stat()
    if owner.st_uid and (not os.path.lexists(path) or path.lstat().st_uid == owner.st_uid):
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _copy_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.before-import-{datetime.now(tz=UTC):%Y%m%dT%H%M%S%fZ}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
