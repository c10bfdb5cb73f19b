"""The API's dead letters and traces on a real broker: what ingestion refuses shows, a replay too, a broker
that goes away is said, and one that comes back is read on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx

from contracts.heartbeat import read_heartbeats
from tests.system.bare_broker import Broker
from tests.system.test_ingestion import app_event, stop, until


class Api:
    """The API beside the broker, asked on a connection each time."""

    def __init__(self, broker: Broker) -> None:
        self.url = f"http://127.0.0.1:{broker.settings.ports.api}"
        self.process = broker.dp("lakehouse-api", "api")

    def get(self, path: str, **options: Any) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.get(self.url + path, **options)

    def answers(self) -> bool:
        try:
            return self.get("/me").status_code == 200
        except httpx.TransportError:
            return False


def test_dead_letters_and_traces_on_a_broker(broker: Broker, tmp_path: Path) -> None:
    api = Api(broker)
    until(api.answers, "the API")

    def letters(**query: Any) -> dict[str, Any]:
        answer = api.get("/dead-letters", params=query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    good = [json.dumps(app_event(number)) for number in range(50)]
    bad = json.dumps({"event_id": "refused-1", "event_type": 5})
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join([*good, bad, "{broken", "{broken"]) + "\n")
    ingestion = broker.dp("ingestion", "ingest", "app_events")
    until(lambda: "ingestion" in read_heartbeats(broker.settings), "a heartbeat")
    broker.copy.dp("produce", "topic_app_events", str(file))
    until(lambda: letters()["total"] == 3, "the dead letters")

    found = letters(source="app_events")
    assert found["complete"]
    kinds = {one["kind"]: one["count"] for one in found["by_reason"]}
    assert sum(kinds.values()) == 3
    listed = json.loads(broker.copy.dp("dead-letters", "list", "--json"))
    assert {one["origin"] for one in found["letters"]} == {one["position"] for one in listed}
    assert {(one["origin"], one["reason"]) for one in found["letters"]} <= {
        (one["position"], one["reason"]) for one in listed
    } and {one["raw"] for one in found["letters"]} == {bad, "{broken"}
    assert letters(source="users")["total"] == 0

    trace = api.get("/trace/refused-1")
    assert trace.status_code == 200
    assert trace.json() == json.loads(broker.copy.dp("trace", "--json", "refused-1"))
    (refused,) = trace.json()["dead_letters"]
    assert refused["origin"] in {one["origin"] for one in found["letters"]}
    nowhere = api.get("/trace/never-sent")
    assert nowhere.status_code == 404 and "or the dead letters" in nowhere.json()["detail"]

    beat = read_heartbeats(broker.settings)["ingestion"].details["sources"]["app_events"]
    assert time.time() - beat["newest_at"] < 600
    stop(broker, ingestion)
    broker.copy.dp("dead-letters", "replay", "--where", "reason~event_type")
    until(lambda: sum(one["replayed"] for one in letters()["letters"]) == 1, "the replay")
    broker.kill("kafka")
    until(lambda: api.get("/dead-letters").status_code == 503, "the broker's absence")
    gone = api.get("/dead-letters")
    assert gone.headers["content-type"] == "application/problem+json"
    assert api.get("/health").status_code == 200  # nobody else waits for it
    broker.start("kafka")
    until(lambda: api.get("/dead-letters").status_code == 200, "the broker's return")
    assert letters()["total"] == 3
    stop(broker, api.process)
