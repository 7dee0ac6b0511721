"""A base station and a house that do not exist, to show, test and measure the gateway without a heating system."""

from neasmart.simulator.options import SimulatorOptions, add_arguments
from neasmart.simulator.run import Simulator

__all__ = ["Simulator", "SimulatorOptions", "add_arguments"]
