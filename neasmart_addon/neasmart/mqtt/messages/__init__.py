"""What is said: topics, words, discovery, states. Imports nothing else of MQTT."""
