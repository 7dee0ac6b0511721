"""The MQTT edge: publishes the house for Home Assistant and takes commands from it."""

from neasmart.mqtt.messages.inventory import RoomBook
from neasmart.mqtt.session import MqttBridge, Surroundings

__all__ = ["MqttBridge", "RoomBook", "Surroundings"]
