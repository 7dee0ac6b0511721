from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neasmart
from neasmart.settings.loading import environment_names
from neasmart.web.assets import FOLDER, PACKED, Assets
from tests.support.supervisor import APP, ROOT

DOCKERFILE = (APP / "Dockerfile").read_text(encoding="utf-8")
STATIC = FOLDER.relative_to(APP)
IMAGE_PYTHON = "3.14"
# Alpine's musl is 1.2; wheels built for 1.1 run there too.
MUSL = ("1_2", "1_1")
SIZE_LIMIT_MB = 10.0
DOWNLOAD_TIMEOUT_S = 300


def _instructions(name: str) -> list[str]:
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    return re.findall(rf"^{name} +(.+)$", joined, re.MULTILINE)


@pytest.mark.timeout(DOWNLOAD_TIMEOUT_S)
@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_every_locked_dependency_has_a_wheel_for_the_image(
    machine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platforms = [option for musl in MUSL for option in ("--platform", f"musllinux_{musl}_{machine}")]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]
    version = ["--implementation", "cp", "--python-version", IMAGE_PYTHON]

    done = subprocess.run(
        [*command, *platforms, *version, "--dest", str(tmp_path), "-r", str(APP / "requirements.txt")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    wheels = sorted(tmp_path.iterdir())
    locked = re.findall(
        r"^([a-z0-9-]+)==(?!.*win32)", (APP / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {wheel.name.partition("-")[0].lower().replace("_", "-") for wheel in wheels} == set(locked)
    size_mb = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    with capsys.disabled():
        sys.stdout.write(f"\n{machine}: {len(wheels)} wheels, {size_mb:.1f} MB\n")
    assert size_mb < SIZE_LIMIT_MB


def test_the_base_image_is_pinned_and_runs_the_python_that_the_wheels_are_for() -> None:
    base = _instructions("FROM")[-1]

    assert re.fullmatch(
        rf"ghcr\.io/home-assistant/base-python:{re.escape(IMAGE_PYTHON)}-alpine[\d.]+-\d{{4}}\.\d\d\.\d", base
    )
    assert not re.search(r"BUILD_FROM|:latest", DOCKERFILE)


def test_the_image_takes_nothing_but_locked_wheels() -> None:
    installs = [line for line in _instructions("RUN") if "pip install" in line]

    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--only-binary=:all:" in installs[0]
    assert not re.search(r"apk add|gcc|build-base", DOCKERFILE)


def test_the_health_check_asks_the_process_and_not_the_bus() -> None:
    check = _instructions("HEALTHCHECK")[0]

    for part in ("--interval=30s", "--timeout=5s", "--start-period=60s", "--start-interval=2s"):
        assert part in check
    assert "http://127.0.0.1:8099/health" in check


def test_the_environment_names_settings_that_exist() -> None:
    named = re.findall(r"\b(NEASMART_[A-Z_]+)=", " ".join(_instructions("ENV")))

    assert named
    assert set(named) <= environment_names().keys()


def test_all_that_is_copied_is_sent_to_the_builder_and_nothing_else() -> None:
    rules = [
        line
        for line in (APP / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {source for line in _instructions("COPY") if not line.startswith("--from") for source in line.split()[:-1]}

    assert rules[0] == "*"
    assert sent == {source for source in copied if not any(source.startswith(f"{each}/") for each in sent)}
    assert all((APP / source).exists() for source in copied)
    assert any(fnmatch.fnmatch("neasmart/web/static/vendor", rule) for rule in rules)


def test_the_lock_of_the_panel_libraries_names_no_server() -> None:
    assert "://" not in (APP / "package-lock.json").read_text(encoding="utf-8")


@pytest.mark.timeout(DOWNLOAD_TIMEOUT_S)
def test_the_image_and_the_tests_have_the_same_page(tmp_path: Path) -> None:
    """From the same sources by the same locked tools, as the Dockerfile does it."""
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=_panel_project(tmp_path), check=True
    )
    subprocess.run(["npm", "run", "--silent", "vendor"], cwd=tmp_path / "panel", check=True)
    static = tmp_path / "panel" / STATIC

    wanted = {
        found
        for script in static.rglob("*.js")
        if "vendor" not in script.parts
        for found in re.findall(r"vendor/([\w./-]+)", script.read_text(encoding="utf-8"))
    }

    assert Assets.load(static).version == Assets.load(APP / STATIC).version
    assert (static / PACKED / "main.js").is_file()
    assert wanted
    assert all((static / "vendor" / each).is_file() for each in wanted)


def _panel_project(folder: Path) -> Path:
    project = folder / "panel"
    project.mkdir()
    for name in ("package.json", "package-lock.json", "vendor.mjs"):
        (project / name).write_bytes((APP / name).read_bytes())
    shutil.copytree(APP / STATIC, project / STATIC, ignore=shutil.ignore_patterns("vendor"))
    return project


@pytest.mark.timeout(DOWNLOAD_TIMEOUT_S)
def test_the_package_installs_from_the_lock_into_a_clean_environment(tmp_path: Path) -> None:
    line = [str(ROOT / "install.sh"), "--prefix", "./a gateway", "--no-service"]
    prefix = tmp_path / "a gateway"
    environment = os.environ | {"PYTHON": sys.executable}

    installed = subprocess.run(line, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)

    assert installed.returncode == 0, installed.stderr
    shown = subprocess.run([str(prefix / "bin/neasmart"), "--version"], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == neasmart.__version__

    subprocess.run([*line, "--uninstall"], check=True, capture_output=True, cwd=tmp_path, env=environment)
    assert not prefix.exists()
