"""The MQTT edge: publishes the house for Home Assistant and takes commands from it."""

from neasmart.mqtt.session import MqttBridge

__all__ = ["MqttBridge"]
