"""The wire: framing, the slave role and the links that carry the bytes of the SYSBUS."""

from neasmart.sysbus.link import Link

__all__ = ["Link"]
