"""Flink SQL: one-minute windows by event time of (user_id, event_type, app_type), into the blackhole sink.

A job over a third of the topic warms the JVM up; the second one, over all of it, is measured.
"""

# Runs in an environment of its own, where our checkers do not look.
# mypy: ignore-errors
# ruff: noqa: T201

import sys

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

bootstrap, topic, total, jar, parallelism = (
    sys.argv[1],
    sys.argv[2],
    int(sys.argv[3]),
    sys.argv[4],
    sys.argv[5],
)
ends = [int(text) for text in sys.argv[6].split(",")]

config = Configuration()
config.set_string("pipeline.jars", f"file://{jar}")
config.set_string("parallelism.default", parallelism)
config.set_string("table.exec.source.idle-timeout", "1 s")
table = TableEnvironment.create(
    EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(config).build()
)


def job(name, offsets):
    bounds = ";".join(f"partition:{partition},offset:{offset}" for partition, offset in enumerate(offsets))
    table.execute_sql(f"""
        CREATE TEMPORARY TABLE {name} (
          user_id STRING, event_type STRING, app_type STRING, event_timestamp TIMESTAMP_LTZ(3),
          event_value DOUBLE, WATERMARK FOR event_timestamp AS event_timestamp - INTERVAL '2' MINUTE
        ) WITH (
          'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
          'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'specific-offsets',
          'scan.bounded.specific-offsets' = '{bounds}', 'format' = 'json',
          'json.timestamp-format.standard' = 'ISO-8601'
        )""")
    table.execute_sql(f"""
        INSERT INTO windows SELECT window_start, user_id, event_type, app_type, COUNT(*), SUM(event_value)
        FROM TUMBLE(TABLE {name}, DESCRIPTOR(event_timestamp), INTERVAL '1' MINUTE)
        GROUP BY window_start, window_end, user_id, event_type, app_type""").wait()


table.execute_sql("""
    CREATE TEMPORARY TABLE windows (
      window_start TIMESTAMP(3), user_id STRING, event_type STRING, app_type STRING, n BIGINT, total DOUBLE
    ) WITH ('connector' = 'blackhole')""")
job("warm_up", [end // 3 for end in ends])
print("mark 0", flush=True)
job("measured", ends)
print(f"mark {total}", flush=True)
sys.stdin.readline()
