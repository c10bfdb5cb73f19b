import { describe, expect, it } from "vitest";
import type { Moment } from "../../api/types";
import { hopOf, lastResolved, open, unalerted, verdict, waiting, type Alert, type Hop } from "./words";

const hop = (name: string, more: Partial<Hop> = {}): Hop => ({
  name,
  label: name,
  events_per_second: 10,
  lag: 0,
  lag_unit: "records",
  freshness_seconds: 4,
  status: "ok",
  reasons: [],
  ...more,
});

const moment = (more: Partial<Moment> = {}): Moment => ({
  at: 0,
  services: [],
  sources: [],
  versions: { event_metrics_gold: 3 },
  hops: [hop("kafka", { events_per_second: 499.4 }), hop("silver", { freshness_seconds: 11 })],
  health: "healthy",
  firing: 0,
  ...more,
});

const alert = (more: Partial<Alert>): Alert => ({
  rule: "lag_high",
  subject: "users_consumer",
  says: "users_consumer has 9,000 records to read",
  severity: "warning",
  state: "firing",
  since: "2026-01-01T00:00:00Z",
  seen_at: "2026-01-01T00:00:00Z",
  fired_at: null,
  resolved_at: null,
  fires: [],
  runbook: "docs/runbooks/lag_high.md",
  silenced_by: null,
  told: false,
  ...more,
});

describe("the verdict", () => {
  it("says how much comes in and how old silver is", () => {
    expect(verdict("live", moment())).toEqual({
      status: "ok",
      word: "Healthy",
      sentence: "499 events a second come in; the newest event in silver is 11 s old.",
    });
  });
  it("calls a platform without gold starting, not healthy", () => {
    expect(verdict("live", moment({ versions: { event_metrics_gold: null } })).word).toBe("Starting");
  });
  it("names the services that it waits for", () => {
    const services = [{ name: "ingestion", state: "starting", events_per_second: 0, total: 0 }];
    expect(verdict("live", moment({ services })).sentence).toContain("Waiting for ingestion.");
  });
  it("is a failure where nobody answers", () => {
    expect(verdict("lost", undefined).status).toBe("failing");
  });
});

describe("alerts", () => {
  const firing = alert({});
  const pending = alert({
    rule: "table_stale",
    subject: "users_silver",
    state: "pending",
    severity: "critical",
  });
  const resolved = alert({ state: "resolved", resolved_at: "2026-01-01T01:00:00Z" });
  it("puts those that fire before those about to, and leaves out what is over", () => {
    expect(open([resolved, pending, firing])).toEqual([firing, pending]);
    expect(lastResolved([firing, resolved])).toBe(resolved);
  });
  it("finds their hop by its reasons, and does not say a thing twice", () => {
    const hops = [hop("ingestion", { reasons: [firing.says, "ingestion restarts"] })];
    expect(hopOf(firing, hops)?.name).toBe("ingestion");
    expect(unalerted(hops, [firing]).map(({ says }) => says)).toEqual(["ingestion restarts"]);
  });
});

it("says what waits in the unit of the hop", () => {
  expect(waiting(hop("gold", { lag: 4, lag_unit: "seconds" }))).toBe("4.0 s behind");
  expect(waiting(hop("ingestion", { lag: 1234 }))).toBe("1,234 waiting");
  expect(waiting(hop("kafka", { lag: null }))).toBe("–");
});
