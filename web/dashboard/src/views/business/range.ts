/** The time that is looked at: whole hours, UTC. */
import { useEffect, useState } from "react";
import { useSearchParams } from "wouter";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** An answer has at most 1,000 rows, and there is one for each hour. */
export const MOST_DAYS = 31;

export interface Range {
  /** Its first hour, `2026-11-27T05:00:00`. */
  from: string;
  /** Dates of its first and last hour. */
  first: string;
  last: string;
  /** Its hours, the last included. */
  hours: number;
}

export const CHOICES = { "24h": 24, "7d": 7 * 24, "30d": 30 * 24 } as const;
export type Choice = keyof typeof CHOICES;

export const dateOf = (at: number) => new Date(at).toISOString().slice(0, 10);

/** The last hours, the one that runs included. */
export function lastHours(hours: number, now: number): Range {
  const end = Math.floor(now / HOUR) * HOUR;
  return between(end - (hours - 1) * HOUR, end);
}

/** Whole days; null where they are no range, or too long a one. */
export function ofDates(first: string, last: string): Range | null {
  const [from, to] = [Date.parse(`${first}T00:00:00Z`), Date.parse(`${last}T23:00:00Z`)];
  if (Number.isNaN(from) || Number.isNaN(to) || to < from || to - from > MOST_DAYS * DAY) return null;
  return between(from, to);
}

function between(from: number, to: number): Range {
  return {
    from: new Date(from).toISOString().slice(0, 19),
    first: dateOf(from),
    last: dateOf(to),
    hours: (to - from) / HOUR + 1,
  };
}

/** Unix milliseconds of the beginning of the hour that runs. */
export function useHour(): number {
  const [hour, setHour] = useState(() => Math.floor(Date.now() / HOUR) * HOUR);
  useEffect(() => {
    const timer = setInterval(() => setHour(Math.floor(Date.now() / HOUR) * HOUR), 30_000);
    return () => clearInterval(timer);
  }, []);
  return hour;
}

/** The range that the address names, and how to choose another. */
export function useRange(hour: number) {
  const [search, setSearch] = useSearchParams();
  const [first, last] = [search.get("from") ?? "", search.get("to") ?? ""];
  const choice = (search.get("range") ?? "24h") as Choice;
  const own = first || last ? ofDates(first, last) : undefined;
  return {
    choice: own === undefined ? choice : undefined,
    dates: { first, last },
    /** Null: the dates are no range. */
    range: own === undefined ? lastHours(CHOICES[choice] ?? 24, hour) : own,
    choose: (chosen: Choice) => setSearch({ range: chosen }, { replace: true }),
    chooseDates: (from: string, to: string) => setSearch({ from, to }, { replace: true }),
  };
}

const LEAST_PLACES = 12;

/** The hours of a range as Unix milliseconds; of a young platform those before its first data are left out. */
export function places(range: Range, firstData: number | undefined): number[] {
  const from = Date.parse(`${range.from}Z`);
  const skipped = firstData === undefined ? 0 : Math.floor((firstData - from) / HOUR);
  const start = Math.max(0, Math.min(skipped, range.hours - LEAST_PLACES));
  return Array.from({ length: range.hours - start }, (_, i) => from + (start + i) * HOUR);
}

export function hourOf(row: { metric_date: string; metric_hour: number }): number {
  return Date.parse(`${row.metric_date}T00:00:00Z`) + row.metric_hour * HOUR;
}

/** `28 Nov 03:00`. */
export function placeName(at: number): string {
  const text = new Date(at).toUTCString();
  return `${text.slice(5, 11)} ${text.slice(17, 22)}`;
}
