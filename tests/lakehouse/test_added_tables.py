"""What docs/extending.md tells, followed to the letter.

Adding a table is one declaration and one SQL file: the driver builds it, its rules hold, and the command, the
catalog, lineage and SQL show it. Adding a source is five declarations: it has a topic, a schema, its
constraints, and a bronze table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.told_code import followed

ROOT = Path(__file__).parents[2]


@pytest.mark.system
def test_tables_and_a_source_are_added_as_the_page_tells(tmp_path: Path) -> None:
    code = followed("extending.md", tmp_path / "code")
    environment = {name: text for name, text in os.environ.items() if not name.startswith("DP_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(code), str(ROOT)])
    command = [sys.executable, "-P", str(Path(__file__).with_name("added_tables.py")), str(tmp_path / "data")]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])

    # Built: 12 events by hour and country, 8 different clicks of which 2 are no pages.
    assert told["failures"] == {}
    assert told["gold"] == [[hour, place, 2] for hour in (12, 13) for place in ("??", "DE", "FR")]
    assert told["silver"] == [[f"c{n}", "https://a.example/"] for n in range(8) if n % 3 != 2]
    # Checked: refused rows are in quarantine; where a rule says fail, nothing is written.
    assert told["quarantine"] == [["page_views_silver", "page_url_malformed", 2]]
    assert "country_malformed" in told["errors"]["country_metrics_gold"]
    assert set(told["errors"]) == {"country_metrics_gold"}
    assert told["gold_after"] == told["gold"]
    # Shown by the command and the API.
    health = {table["name"]: table["rows"] for table in told["health"]}
    assert (health["country_metrics_gold"], health["page_views_silver"]) == (6, 6)
    assert {"country_metrics_gold", "page_views_silver"} <= set(told["listed"])
    detail = told["details"]["country_metrics_gold"]
    assert (detail["rows"], detail["partition"], detail["upstream"]) == (
        6,
        "metric_date",
        ["app_events_silver"],
    )
    assert [column["name"] for column in detail["columns"]][2:4] == ["country", "total_events"]
    assert detail["description"] == "App events by hour and country."
    assert told["lineage"]["country_metrics_gold"] == [
        "app_events_silver.country > country",
        "app_events_silver.event_date > metric_date",
        "app_events_silver.event_hour > metric_hour",
    ]
    assert "clickstream_bronze.click_timestamp > click_hour" in told["lineage"]["page_views_silver"]
    # The source: what keeps its contract is in bronze, what breaks it is refused with the field.
    assert told["payments"]["rows"] == [["p-1", 9.5, "EUR"]]
    assert told["payments"]["topics"] == ["topic_payments", "internal_payments"]
    assert told["payments"]["required"] == ["amount", "currency", "paid_at", "payment_id", "user_id"]
    assert told["payments"]["refused"] == ["$.amount", "$.currency"]
    assert told["payments"]["lineage"] == ["topic_payments"]
