/** The steps of one delivery's journey, with what each took. */
import type { Schemas } from "../../api/types";
import type { Question } from "../../api/client";
import { count, duration } from "../../format";
import type { Shown } from "../../ui/status";

export type Journey = Schemas["Journey"];
export type Copy = Schemas["Copy"];
export type GoldRow = Omit<Schemas["GoldRow"], "row"> & { row: Record<string, unknown> | null };

export interface Step {
  name: string;
  status: Shown;
  word: string;
  /** RFC 3339, UTC. */
  at?: string;
  says: string;
  /** The table that it is about. */
  table?: string;
  /** Since the step before, as far as both times are known. */
  took?: string;
}

/** What silver makes of a source whose events it does not keep one by one. */
const TOGETHER: Record<string, [string, string]> = {
  clickstream: ["clickstream_silver", "Clicks are not kept one by one: they are put together to sessions."],
  cdc_changes: ["entities_silver", "Changes are not kept one by one: they become versions of their rows."],
};

const FATES: Record<NonNullable<Copy["silver"]>, [Shown, string]> = {
  kept: ["ok", "This delivery is the row in silver: the event counts by it."],
  duplicate: [
    "idle",
    "Another delivery of the same event is the row in silver: this one does not count again.",
  ],
  waiting: ["degraded", "Silver has not read it yet: it does within seconds of bronze."],
  "not kept": ["failing", "Silver has read it and has no row of it: a rule put it into quarantine_silver."],
};

export function steps(copy: Copy, source: string): Step[] {
  const made: Step[] = [
    {
      name: "Happened",
      status: "ok",
      word: "done",
      at: copy.event_timestamp,
      says: "By the clock of its producer.",
    },
    {
      name: "Kafka",
      status: "ok",
      word: "done",
      at: copy.source_timestamp,
      says: `${copy.topic}, partition ${copy.partition}, offset ${count(copy.offset)}.`,
    },
    {
      name: "Ingestion",
      status: "ok",
      word: "done",
      at: copy.ingest_timestamp,
      says: "Met its contract.",
    },
    {
      name: "Landing",
      status: "ok",
      word: "done",
      says:
        copy.landing_file === null
          ? "Its file has been cleaned up: bronze has it."
          : `In ${copy.landing_file.replace(/^.*\/(?=(landing|outputs)\/)/, "")}`,
    },
    bronze(copy, source),
    silver(copy, source),
  ];
  return made.map((step, i) => withDelay(step, made.slice(0, i)));
}

function bronze(copy: Copy, source: string): Step {
  const table = `${source}_bronze`;
  if (copy.bronze_loaded_at === null)
    return {
      name: "Bronze",
      status: "degraded",
      word: "waiting",
      says: "Not yet: bronze takes what has landed every few seconds.",
      table,
    };
  const flags =
    copy.quality_flags.length > 0
      ? ` Flagged: ${copy.quality_flags.join(", ")}.`
      : " No quality rule flagged it.";
  return {
    name: "Bronze",
    status: copy.quality_flags.length > 0 ? "degraded" : "ok",
    word: copy.quality_flags.length > 0 ? "flagged" : "done",
    at: copy.bronze_loaded_at,
    says: `${copy.bronze_version === null ? "A version that the log no longer tells." : `Version ${count(copy.bronze_version)}.`}${flags}`,
    table,
  };
}

function silver(copy: Copy, source: string): Step {
  const together = TOGETHER[source];
  if (copy.silver === null) {
    return {
      name: "Silver",
      status: "idle",
      word: "together",
      says: together?.[1] ?? "The source has no table of single events in silver.",
      ...(together ? { table: together[0] } : {}),
    };
  }
  const [status, says] = FATES[copy.silver];
  return {
    name: "Silver",
    status,
    word: copy.silver,
    says,
    table: copy.silver === "not kept" ? "quarantine_silver" : `${source}_silver`,
    ...(copy.silver_loaded_at === null ? {} : { at: copy.silver_loaded_at }),
  };
}

function withDelay(step: Step, earlier: Step[]): Step {
  const before = earlier.findLast((one) => one.at !== undefined)?.at;
  if (step.at === undefined || before === undefined) return step;
  const seconds = (Date.parse(step.at) - Date.parse(before)) / 1000;
  return { ...step, took: seconds < 0 ? `${duration(-seconds)} before` : `${duration(seconds)} later` };
}

/** The journey in a sentence. */
export function summary(journey: Journey): string {
  const { copies, reached } = journey;
  const kept = copies.find((copy) => copy.silver === "kept");
  const times = copies.length > 1 ? ` It was delivered ${copies.length} times and counts once.` : "";
  if (kept?.silver_loaded_at) {
    const seconds = (Date.parse(kept.silver_loaded_at) - Date.parse(kept.event_timestamp)) / 1000;
    return `In silver ${duration(Math.max(0, seconds))} after it happened.${times}`;
  }
  if (reached !== null) return `It has come as far as ${reached}.${times}`;
  return journey.dead_letters.length > 0
    ? "It was refused by ingestion, and is in no table."
    : "It is in no table.";
}

/** Whether nothing more will happen to it. */
export function isOver(journey: Journey): boolean {
  if (journey.reached === null) return true;
  if (journey.copies.some((copy) => copy.silver === "waiting" || copy.bronze_loaded_at === null))
    return false;
  return journey.gold.every((row) => row.includes_event);
}

const KEYS = ["metric_date", "metric_hour", "event_type", "app_type"];

/** The statement that shows a gold row again. */
export function goldQuestion({ table, row }: GoldRow): Question | undefined {
  if (row === null) return undefined;
  const keys = KEYS.filter((key) => key in row);
  return {
    sql: `SELECT * FROM ${table} WHERE ${keys
      .map(
        (key) =>
          `${key} IS NOT DISTINCT FROM ${key === "metric_date" ? "CAST($metric_date AS DATE)" : `$${key}`}`,
      )
      .join(" AND ")}`,
    parameters: Object.fromEntries(keys.map((key) => [key, row[key] as string | number | null])),
  };
}

export const ID_FIELDS: Record<string, string> = {
  app_events: "event_id",
  clickstream: "click_id",
  cdc_changes: "change_id",
  external_data: "record_id",
};

export function bronzeQuestion(source: string, id: string): Question {
  return { sql: `SELECT * FROM ${source}_bronze WHERE ${ID_FIELDS[source]} = $id`, parameters: { id } };
}
