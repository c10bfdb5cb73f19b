"""Adding a table is one declaration and one SQL file: the driver builds it, its rules hold, and the command,
the catalog, lineage and SQL show it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GOLD = """

COUNTRY_METRICS_GOLD = Dataset(
    name="country_metrics_gold",
    layer="gold",
    description="App events by hour and country.",
    columns=(
        *_HOUR,
        required("country", pa.string(), "Where from; `??`: nobody knows."),
        *_counts(("total_events", "Events, each counted once.")),
        load_timestamp_column(),
    ),
    build=ReplaceHours(hour=("metric_date", "metric_hour"), feeds=(Feed(dataset="app_events_silver"),)),
    key=("metric_date", "metric_hour", "country"),
    partition="metric_date",
    upstream=("app_events_silver",),
    rules=(accepted("country", ("DE", "FR", "??"), severity="fail"),),
)
GOLD = (*GOLD, COUNTRY_METRICS_GOLD)
"""
GOLD_SQL = """
SELECT
  event_date AS metric_date, event_hour AS metric_hour, COALESCE(country, '??') AS country,
  COUNT(*) AS total_events
FROM app_events_silver
GROUP BY event_date, event_hour, COALESCE(country, '??')
"""

SILVER = """

from lakehouse.datasets.rules import matches

PAGE_VIEWS_SILVER = Dataset(
    name="page_views_silver",
    layer="silver",
    description="Each click once, by click_id.",
    columns=(
        required("click_id", pa.string(), "Its id."),
        required("page_url", pa.string(), "Its page."),
        required("click_timestamp", TIMESTAMP, "When."),
        required("source_topic", pa.string(), "Kafka topic that it came through."),
        required("source_partition", pa.int32(), "Its partition."),
        required("source_offset", pa.int64(), "Its offset."),
        required("click_date", pa.date32(), "UTC date of click_timestamp."),
        required("click_hour", pa.int32(), "UTC hour of click_timestamp."),
        load_timestamp_column(),
    ),
    build=InsertNew(
        key=("click_id",),
        order=BRONZE_ORDER,
        time="click_timestamp",
        within=timedelta(hours=1),
        hour=("click_date", "click_hour"),
    ),
    key=("click_id",),
    time="click_timestamp",
    partition="click_date",
    upstream=(CLICKSTREAM.bronze_table,),
    rules=(matches("page_url", "https?://[^ ]+"),),
    row_wise=True,
)
SILVER = (*SILVER, PAGE_VIEWS_SILVER)
"""
SILVER_SQL = """
SELECT
  click_id, page_url, click_timestamp, source_topic, source_partition, source_offset, source_timestamp,
  CAST(click_timestamp AS DATE) AS click_date, HOUR(click_timestamp) AS click_hour,
  load_timestamp AS arrived_at
FROM clickstream_bronze
"""


def with_more_tables(folder: Path) -> Path:
    """A copy of the package with the declarations at the ends of their modules, and the SQL files."""
    package = folder / "lakehouse"
    shutil.copytree(ROOT / "lakehouse", package, ignore=shutil.ignore_patterns("__pycache__"))
    for layer, text, name, sql in (
        ("gold", GOLD, "country_metrics_gold", GOLD_SQL),
        ("silver", SILVER, "page_views_silver", SILVER_SQL),
    ):
        with open(package / "datasets" / f"{layer}.py", "a") as file:
            file.write(text)
        (package / "models" / layer / f"{name}.sql").write_text(sql)
    return folder


@pytest.mark.system
def test_a_table_is_added_by_one_declaration_and_one_sql_file(tmp_path: Path) -> None:
    code = with_more_tables(tmp_path / "code")
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
    assert "country_not_accepted" in told["errors"]["country_metrics_gold"]
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
