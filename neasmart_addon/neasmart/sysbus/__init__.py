"""The wire: framing, the slave role and the links that carry the bytes of the SYSBUS."""

from neasmart.sysbus.capture.capture import LineFacts
from neasmart.sysbus.capture.recorder import Recorder
from neasmart.sysbus.capture.tap import Tap
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.link import Link

__all__ = ["Framing", "LineFacts", "Link", "Recorder", "Tap"]
