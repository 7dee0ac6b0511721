from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fuzz.targets import TARGETS
from tests.support.supervisor import PUBLISHED, ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yaml"))


def _read(path: Path) -> dict[str, Any]:
    # BaseLoader, because YAML 1.1 reads the key `on` as true.
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert isinstance(content, dict)
    return content


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", WORKFLOWS, ids=_name)
def test_every_action_is_pinned_by_its_full_hash_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"uses: +(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)

    assert used
    assert not [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v?\d[\d.]*", each)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=_name)
def test_a_workflow_may_only_read_and_a_job_asks_for_more(path: Path) -> None:
    workflow = _read(path)

    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("path", WORKFLOWS, ids=_name)
def test_no_script_of_a_workflow_is_built_from_what_outsiders_write(path: Path) -> None:
    scripts = [step["run"] for job in _read(path)["jobs"].values() for step in job["steps"] if "run" in step]

    assert not [script for script in scripts if "${{" in script]


def test_tests_run_on_every_python_that_is_supported() -> None:
    matrix = _read(GITHUB / "workflows/ci.yaml")["jobs"]["test"]["strategy"]["matrix"]

    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]


def test_every_reader_is_fuzzed_once() -> None:
    groups = _read(GITHUB / "workflows/ci.yaml")["jobs"]["fuzz"]["strategy"]["matrix"]["include"]

    assert sorted(name for group in groups for name in group["targets"].split()) == sorted(TARGETS)


def test_a_release_publishes_the_image_that_the_manifest_may_name() -> None:
    release = _read(GITHUB / "workflows/release.yaml")
    prefix, _, name = PUBLISHED.rpartition("/")

    assert release["env"] == {"ARCHITECTURES": '["aarch64", "amd64"]', "IMAGE": name, "REGISTRY": prefix}


@pytest.mark.parametrize(("workflow", "job"), [("ci", "test"), ("release", "test")])
def test_what_runs_all_tests_stands_on_debian_which_has_the_packages_of_the_list(workflow: str, job: str) -> None:
    """Ubuntu's Chromium is a snap, which runs on no runner."""
    described = _read(GITHUB / f"workflows/{workflow}.yaml")["jobs"][job]
    image = described["container"]["image"]

    assert re.fullmatch(r"python:(3\.14|\$\{\{ matrix\.python \}\})-trixie", image)
    assert not [step for step in described["steps"] if "setup-python" in step.get("uses", "")]


def test_the_gate_ends_within_half_an_hour_with_all_its_setting_up() -> None:
    assert int(_read(GITHUB / "workflows/ci.yaml")["jobs"]["test"]["timeout-minutes"]) <= 30


def test_issue_forms_ask_for_the_diagnostics_file() -> None:
    bug = _read(GITHUB / "ISSUE_TEMPLATE/bug.yaml")
    asked = {field["id"]: field for field in bug["body"] if "id" in field}

    assert asked["diagnostics"]["validations"]["required"] == "true"


def test_dependabot_watches_everything_that_is_locked() -> None:
    updates = _read(GITHUB / "dependabot.yml")["updates"]

    watched = {(each["package-ecosystem"], each["directory"]) for each in updates}

    assert watched == {
        ("docker", "/neasmart_addon"),
        ("github-actions", "/"),
        ("npm", "/neasmart_addon"),
        ("pip", "/neasmart_addon"),
        ("pip", "/tests"),
    }
