"""Modbus gateway for the SYSBUS of a REHAU NEA SMART 2.0 heating and cooling system."""

__version__ = "0.1.0"
