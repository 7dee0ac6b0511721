"""Keys and tokens: fresh, alone on their line, and taken by the gateway that shall take them."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from neasmart.cli import credentials
from neasmart.cli.command_line import EXIT_SETTINGS, main
from neasmart.facts.errors import SettingsError
from neasmart.settings.model import ApiSettings
from neasmart.web.guard.auth import Authentication

SECRET = "a secret of more than thirty-two characters"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEASMART_API_JWT_SECRET", raising=False)


def accepted(api: ApiSettings, **headers: str) -> bool:
    named = CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
    return Authentication(api).good_until(CIMultiDictProxy(named)) > 0


def test_a_printed_key_opens_the_gateway_that_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token"]) == 0

    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert len(printed.strip()) == 43
    assert accepted(ApiSettings(enable_auth=True, key=printed.strip()), X_API_Key=printed.strip())


def test_no_key_is_printed_twice() -> None:
    assert len({credentials.key() for _ in range(100)}) == 100


def test_a_printed_token_opens_the_gateway_that_has_the_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEASMART_API_JWT_SECRET", SECRET)

    assert main(["token", "--jwt", "--days", "7"]) == 0

    token = capsys.readouterr().out.strip()
    api = ApiSettings(enable_auth=True, jwt_secret=SECRET)
    assert accepted(api, Authorization=f"Bearer {token}")
    assert not accepted(ApiSettings(enable_auth=True, jwt_secret=SECRET[::-1]), Authorization=f"Bearer {token}")
    ends = jwt.decode(token, SECRET, algorithms=["HS256"])["exp"]
    assert ends == pytest.approx(time.time() + 7 * 86_400, abs=60)


def test_a_token_is_refused_once_its_days_are_over() -> None:
    token = credentials.signed(SECRET, days=3, now=time.time() - 3 * 86_400 - 1)

    assert not accepted(ApiSettings(enable_auth=True, jwt_secret=SECRET), Authorization=f"Bearer {token}")


def test_a_short_secret_signs_without_a_word_beside_the_token() -> None:
    assert credentials.signed("short", days=1, now=time.time()).count(".") == 2


def test_without_a_secret_the_message_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--jwt"]) == EXIT_SETTINGS

    assert "api.jwt_secret is empty" in capsys.readouterr().err
    with pytest.raises(SettingsError):
        credentials.signed("", days=1, now=0.0)


@pytest.mark.parametrize("days", ["0", "-1", "3651", "9" * 5000, "1.5", "soon", ""])
def test_days_that_make_no_sense_are_refused(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["token", "--jwt", f"--days={days}"])

    assert refused.value.code == 2
    assert "3650" in capsys.readouterr().err
