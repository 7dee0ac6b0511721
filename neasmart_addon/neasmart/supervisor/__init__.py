"""The edge to Home Assistant's Supervisor: what the owner has saved in the app's form, and how to change it."""

from neasmart.supervisor.client import Supervisor, SupervisorError

__all__ = ["Supervisor", "SupervisorError"]
