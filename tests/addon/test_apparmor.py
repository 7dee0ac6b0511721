from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.supervisor import APP, manifest

PROFILE = APP / "apparmor.txt"
TEXT = PROFILE.read_text(encoding="utf-8")
SERIAL = "{USB,ACM,AMA,AML,S,SC,THS,mxc}"
"""USB adapters, and the ports of a Raspberry Pi, of Amlogic, of PCs, of SPI hats, of Tegra and of i.MX boards."""
CHILD = TEXT[TEXT.index("  profile neasmart ") :]


def _parser() -> str:
    found = shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin")
    assert found is not None, "the Debian package apparmor is missing"
    return found


def _compiled(profile: Path) -> subprocess.CompletedProcess[str]:
    command = [_parser(), "--skip-kernel-load", "--skip-cache", "--names", str(profile)]
    subprocess.run([*command[:3], str(profile)], check=True, capture_output=True)
    return subprocess.run(command, check=True, capture_output=True, text=True)


def test_the_profile_compiles_to_an_outer_and_an_inner_frame() -> None:
    slug = manifest()["slug"]

    assert _compiled(PROFILE).stdout.split() == [slug, f"{slug}//neasmart"]


def test_the_profile_compiles_under_the_name_that_the_supervisor_gives_it(tmp_path: Path) -> None:
    name = f"a0b1c2d3_{manifest()['slug']}"
    renamed = tmp_path / name
    renamed.write_text(re.sub(r"^profile \S+", f"profile {name}", TEXT, flags=re.MULTILINE), encoding="utf-8")

    assert _compiled(renamed).stdout.split() == [name, f"{name}//neasmart"]


def test_only_one_line_looks_like_a_profile_to_the_supervisor() -> None:
    assert len(re.findall(r"^profile ", TEXT, re.MULTILINE)) == 1


def test_the_inner_frame_is_entered_through_the_launcher_by_its_exact_path() -> None:
    assert re.findall(r"^\s*(\S+) cx -> (\w+),$", TEXT, re.MULTILINE) == [("/usr/bin/neasmart", "neasmart")]
    assert (APP / "rootfs/usr/bin/neasmart").is_file()


def test_the_service_can_be_stopped_because_the_peer_fits_the_slug() -> None:
    assert f"signal (receive) peer=*_{manifest()['slug']}," in CHILD


def test_the_gateway_has_one_capability_and_no_rule_for_all_files() -> None:
    assert re.findall(r"^\s*capability (.+),$", TEXT, re.MULTILINE) == ["net_bind_service"]
    assert not re.search(r"^\s*file,$", CHILD, re.MULTILINE)


def test_the_gateway_may_read_what_a_list_of_devices_needs() -> None:
    for rule in (
        "/dev/serial/{,**} r,",
        "/sys/class/tty/{,**} r,",
        "/sys/devices/** r,",
        "/sys/bus/{usb,usb-serial,serial-base,platform,pnp,amba}/{,**} r,",
        "@{PROC}/locks r,",
    ):
        assert rule in CHILD


def test_the_gateway_may_lock_its_database_and_open_every_kind_of_serial_port() -> None:
    assert "/data/{,**} rwk," in CHILD
    assert f"/dev/tty{SERIAL}[0-9]* rwk," in CHILD
    assert f"deny /dev/tty{SERIAL}[0-9]* rw," in TEXT.replace(CHILD, "")
