"""The wire: framing, the slave role and the links that carry the bytes of the SYSBUS."""

from neasmart.sysbus.capture import LineFacts
from neasmart.sysbus.framing import Framing
from neasmart.sysbus.link import Link
from neasmart.sysbus.recorder import Recorder
from neasmart.sysbus.tap import Tap

__all__ = ["Framing", "LineFacts", "Link", "Recorder", "Tap"]
