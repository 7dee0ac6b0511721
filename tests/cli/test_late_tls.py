"""OpenSSL stays away until somebody speaks TLS, and then everything of it is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.processes import PACKAGE_ROOT

START = """
import sys
from neasmart.cli.serve import sparingly
from neasmart.facts.process import late_tls
with sparingly():
    import hashlib, hmac
    import neasmart.wiring.app
with late_tls.late():
    import neasmart.mqtt.link.broker_connection
from paho.mqtt import client as paho
openssl = lambda: "libcrypto" in open("/proc/self/maps").read()
"""


def runs(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START + code], cwd=PACKAGE_ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_gateway_with_mqtt_does_without_it() -> None:
    runs("""
try:
    raise BlockingIOError
except paho.ssl.SSLWantReadError:
    raise AssertionError("what does not wait is no TLS")
except BlockingIOError:
    pass
assert hmac.new(b"key", b"", "sha256").hexdigest().startswith("5d5d1395")
assert hashlib.sha1().hexdigest().startswith("da39a3ee")
assert not {"ssl", "_ssl", "_hashlib"} & set(sys.modules)
assert not openssl()
""")


@pytest.mark.parametrize("who", ["import ssl", "ssl = paho.ssl", "import prometheus_client.exposition, ssl"])
def test_whoever_asks_for_it_gets_it_and_the_library_of_mqtt_with_him(who: str) -> None:
    runs(f"""
assert not openssl()
{who}
assert ssl.create_default_context().verify_flags
assert paho.ssl.SSLContext is sys.modules["ssl"].SSLContext
assert paho.ssl.SSLWantReadError is sys.modules["ssl"].SSLWantReadError
""")


def test_where_it_is_already_nothing_stands_in_for_it() -> None:
    runs("""
import ssl
with late_tls.late(), late_tls.absent():
    import ssl as again
assert again is ssl
assert sys.modules["_ssl"]
""")


def test_a_python_without_hashes_of_its_own_takes_those_of_openssl() -> None:
    runs("""
import importlib.util
importlib.util.find_spec = lambda name: None
for name in ("hashlib", "_hashlib"):
    sys.modules.pop(name, None)
with late_tls.late(), late_tls.absent():
    import _hashlib
assert _hashlib.openssl_sha256(b"").hexdigest().startswith("e3b0c442")
""")
