"""What holds for every test: a slow machine fails no property, and an ordinary account finds the servers of Debian."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

os.environ["PATH"] += ":/usr/sbin:/sbin"
