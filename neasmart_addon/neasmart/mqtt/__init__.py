"""The MQTT edge: publishes the house for Home Assistant and takes commands from it."""

from neasmart.mqtt.bridge import MqttBridge, Surroundings
from neasmart.mqtt.messages.inventory import HomeAssistantBook

__all__ = ["HomeAssistantBook", "MqttBridge", "Surroundings"]
