/** What the live view says in words: how it is, where it is not well, and since when. */
import type { Connection } from "../../api/live";
import type { AlertList, Moment, Schemas } from "../../api/types";
import { count, duration, NONE } from "../../format";
import type { Shown } from "../../ui/status";

export type Hop = Schemas["Hop"];
export type Alert = AlertList["alerts"][number];

/** What the last table of the way to gold is called in moments. */
const GOLD = "event_metrics_gold";

export interface Verdict {
  status: Shown;
  word: string;
  sentence: string;
}

export function verdict(connection: Connection, newest: Moment | undefined): Verdict {
  if (connection === "refused")
    return { status: "idle", word: "No access", sentence: "This API asks for a key: give one at the top." };
  if (!newest) {
    return connection === "lost"
      ? {
          status: "failing",
          word: "No answer",
          sentence: "The API does not answer; the page asks again by itself.",
        }
      : { status: "idle", word: "Connecting", sentence: "Waiting for the first moment of the stream." };
  }
  const well = newest.health === "healthy";
  const starting = newest.services.filter((service) => service.state === "starting").map(({ name }) => name);
  if (starting.length > 0 || (well && newest.versions[GOLD] == null)) {
    const waits = starting.length > 0 ? `Waiting for ${starting.join(", ")}. ` : "";
    return {
      status: well ? "idle" : shown(newest.health),
      word: "Starting",
      sentence: `${waits}${flow(newest)} Gold has its first rows about two minutes after the start.`,
    };
  }
  return { status: shown(newest.health), word: capital(newest.health), sentence: flow(newest) };
}

/** How much comes in, and how far it has come. */
function flow(newest: Moment): string {
  const hop = (name: string) => newest.hops.find((one) => one.name === name);
  const arriving = hop("kafka")?.events_per_second ?? 0;
  const silver = hop("silver")?.freshness_seconds;
  const come = arriving > 0 ? `${count(arriving)} events a second come in` : "No events come in";
  return silver == null ? `${come}.` : `${come}; the newest event in silver is ${duration(silver)} old.`;
}

export function shown(health: Moment["health"]): Shown {
  return health === "healthy" ? "ok" : health === "degraded" ? "degraded" : "failing";
}

/** What waits before a hop: `26 records`, `4 s behind`. */
export function waiting(hop: Hop): string {
  if (hop.lag === null) return NONE;
  if (hop.lag_unit === "seconds" && hop.lag < 1) return "not behind";
  return hop.lag_unit === "seconds" ? `${duration(hop.lag)} behind` : `${count(hop.lag)} waiting`;
}

const RANK: Record<Alert["state"], number> = { firing: 0, pending: 1, resolved: 2 };
const SEVERITY: Record<Alert["severity"], number> = { critical: 0, warning: 1, info: 2 };

/** Alerts that hold now, the most urgent first: those that fire, then those about to. */
export function open(alerts: readonly Alert[]): Alert[] {
  return alerts
    .filter((alert) => alert.state !== "resolved")
    .toSorted(
      (a, b) =>
        RANK[a.state] - RANK[b.state] ||
        SEVERITY[a.severity] - SEVERITY[b.severity] ||
        a.since.localeCompare(b.since),
    );
}

export function lastResolved(alerts: readonly Alert[]): Alert | undefined {
  return alerts
    .filter((alert) => alert.state === "resolved" && alert.resolved_at !== null)
    .toSorted((a, b) => (b.resolved_at ?? "").localeCompare(a.resolved_at ?? ""))[0];
}

/** Reasons that no open alert says already: what is wrong and has not lasted long enough to be one. */
export function unalerted(hops: readonly Hop[], alerts: readonly Alert[]): { hop: Hop; says: string }[] {
  const said = new Set(open(alerts).map((alert) => alert.says));
  const subjects = open(alerts).map((alert) => alert.subject);
  return hops.flatMap((hop) =>
    hop.reasons
      .filter((says) => !said.has(says) && !subjects.some((subject) => says.startsWith(`${subject} `)))
      .map((says) => ({ hop, says })),
  );
}

/** The hop that an alert's subject is a part of, as far as the hops' own reasons tell. */
export function hopOf(alert: Alert, hops: readonly Hop[]): Hop | undefined {
  return hops.find((hop) =>
    hop.reasons.some((says) => says === alert.says || says.startsWith(`${alert.subject} `)),
  );
}

export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
