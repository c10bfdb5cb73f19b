import { describe, expect, it } from "vitest";
import { hourOf, lastHours, ofDates, places } from "./range";
import { change, headline, points, type Day } from "./words";

const day: Day = {
  summary_date: "2026-11-28",
  total_users: 9120,
  new_users: 120,
  returning_users: 9000,
  total_sessions: 1000,
  bounce_rate: 0.306,
  avg_session_duration_seconds: 20,
  total_events: 412_345,
  total_event_value: 174_846.1,
  retention_d1: null,
  retention_d7: null,
};

const same = (today: number, yesterday: number, begun = 0) => [
  { metric_date: "2026-11-28", events: today, first_hour: 0 },
  { metric_date: "2026-11-27", events: yesterday, first_hour: begun },
];

describe("the headline", () => {
  it("compares the same hours of today and yesterday", () => {
    expect(headline([day], same(103, 100), "2026-11-28", 14)).toBe(
      "Today so far: 412 k events from 9,120 users, until 14:00 UTC 3 % more than yesterday; " +
        "1,000 sessions, 31 % of them bounces; 174,846 spent.",
    );
  });
  it("compares nothing where yesterday began later in the day", () => {
    expect(headline([day], same(103, 100, 9), "2026-11-28", 14)).not.toContain("yesterday");
  });
  it("does not call an old day today", () => {
    expect(headline([day], undefined, "2026-12-01", 14)).toMatch(/^On 2026-11-28, the newest day there is/);
  });
});

it("says changes with their sign", () => {
  expect(change(110, 100)).toBe("+10.0 %");
  expect(change(90, 100)).toBe("−10.0 %");
  expect(change(1, 0)).toBeUndefined();
  expect(points(0.3, 0.25)).toBe("+5.0 points");
});

describe("ranges", () => {
  const now = Date.parse("2026-11-28T04:31:00Z");
  it("ends with the hour that runs", () => {
    expect(lastHours(24, now)).toEqual({
      from: "2026-11-27T05:00:00",
      first: "2026-11-27",
      last: "2026-11-28",
      hours: 24,
    });
  });
  it("takes whole days, at most 31", () => {
    expect(ofDates("2026-11-01", "2026-11-02")?.hours).toBe(48);
    expect(ofDates("2026-11-02", "2026-11-01")).toBeNull();
    expect(ofDates("2026-01-01", "2026-03-01")).toBeNull();
    expect(ofDates("", "2026-03-01")).toBeNull();
  });
  it("leaves out the hours before the first data, but for a few", () => {
    const first = hourOf({ metric_date: "2026-11-28", metric_hour: 3 });
    const shown = places(lastHours(24, now), first);
    expect(shown).toHaveLength(12);
    expect(shown.at(-1)).toBe(Date.parse("2026-11-28T04:00:00Z"));
  });
});
