import { describe, expect, it } from "vitest";
import { goldQuestion, isOver, steps, summary, type Copy, type Journey } from "./steps";

const copy: Copy = {
  topic: "topic_app_events",
  partition: 2,
  offset: 100_844,
  event_timestamp: "2026-11-28T04:21:31.000000Z",
  source_timestamp: "2026-11-28T04:21:31.250000Z",
  ingest_timestamp: "2026-11-28T04:21:32.250000Z",
  landing_file: "/srv/data/landing/app_events/partition=2/0733.parquet",
  bronze_version: 440,
  bronze_loaded_at: "2026-11-28T04:21:35.250000Z",
  quality_flags: [],
  silver: "kept",
  silver_loaded_at: "2026-11-28T04:21:36.000000Z",
};

const journey = (more: Partial<Journey> = {}): Journey => ({
  event_id: "e",
  source: "app_events",
  reached: "silver",
  copies: [copy],
  gold: [],
  dead_letters: [],
  ...more,
});

describe("the steps", () => {
  it("tell what each took since the last known time", () => {
    expect(steps(copy, "app_events").map(({ name, took }) => [name, took])).toEqual([
      ["Happened", undefined],
      ["Kafka", "250 ms later"],
      ["Ingestion", "1.0 s later"],
      ["Landing", undefined],
      ["Bronze", "3.0 s later"],
      ["Silver", "750 ms later"],
    ]);
  });
  it("show a landing file without the folders of the server", () => {
    expect(steps(copy, "app_events")[3]?.says).toBe("In landing/app_events/partition=2/0733.parquet");
  });
  it("say where a producer's clock is ahead of Kafka's", () => {
    const ahead = { ...copy, event_timestamp: "2026-11-28T04:21:33.250000Z" };
    expect(steps(ahead, "app_events")[1]?.took).toBe("2.0 s before");
  });
});

it("sums up in a sentence", () => {
  expect(summary(journey())).toBe("In silver 5.0 s after it happened.");
  const again: Copy = { ...copy, silver: "duplicate", silver_loaded_at: null };
  expect(summary(journey({ copies: [copy, again] }))).toContain("delivered 2 times and counts once");
});

it("goes on until gold has it", () => {
  const gold = { table: "hourly_metrics_gold", row: null, includes_event: false };
  expect(isOver(journey())).toBe(true);
  expect(isOver(journey({ gold: [gold] }))).toBe(false);
});

it("asks for a gold row by its key", () => {
  const row = { metric_date: "2026-11-28", metric_hour: 4, total_events: 3 };
  expect(goldQuestion({ table: "hourly_metrics_gold", row, includes_event: true })).toEqual({
    sql:
      "SELECT * FROM hourly_metrics_gold WHERE metric_date IS NOT DISTINCT FROM CAST($metric_date AS DATE)" +
      " AND metric_hour IS NOT DISTINCT FROM $metric_hour",
    parameters: { metric_date: "2026-11-28", metric_hour: 4 },
  });
});
