"""What ports and sockets need: devices, options, the watch on lag. Imports framing."""
