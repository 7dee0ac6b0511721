"""Programs of a house that ask for rooms as fast as they get answers, and now and then set one; run by locust."""

from __future__ import annotations

import random

from locust import FastHttpUser, task


class Program(FastHttpUser):
    """One connection without a pause between an answer and the next request."""

    @task(60)
    def one_room(self) -> None:
        self.client.get("/api/v1/zones/1/1")

    @task(20)
    def one_room_as_existing_clients_do(self) -> None:
        self.client.get("/zones/1/1")

    @task(10)
    def all_rooms(self) -> None:
        self.client.get("/api/v1/zones")

    @task(5)
    def health(self) -> None:
        self.client.get("/health")

    @task(5)
    def set_a_room(self) -> None:
        room = random.randint(1, 12)
        setpoint = random.randint(36, 48) / 2
        body = {"setpoint": setpoint}
        self.client.post(f"/api/v1/zones/1/{room}", json=body, name="/api/v1/zones/1/{zone_id}")
