/** Is it well; where not; since when; what to do. */
import { Link } from "wouter";
import type { Connection } from "../../api/live";
import type { Moment } from "../../api/types";
import { ageOf, clock, duration, moment as written } from "../../format";
import { RunbookButton } from "../../ui/runbook";
import { StatusPill } from "../../ui/status";
import { hopOf, lastResolved, open, unalerted, verdict, type Alert } from "./words";

interface Props {
  connection: Connection;
  newest: Moment | undefined;
  moments: readonly Moment[];
  alerts: Alert[];
  choose: (hop: string) => void;
}

export function VerdictPanel({ connection, newest, moments, alerts, choose }: Props) {
  const said = verdict(connection, newest);
  const hops = newest?.hops ?? [];
  const now = newest ? newest.at * 1000 : undefined;
  const others = unalerted(hops, alerts);
  const resolved = lastResolved(alerts);
  const held = open(alerts);
  return (
    <section className={`verdict ${said.status}`} aria-label="State of the platform">
      <p className="verdict-line">
        <StatusPill status={said.status}>{said.word}</StatusPill> {said.sentence}
        {connection === "lost" && newest && (
          <strong> The stream is lost: these are the values of {clock(newest.at)} UTC.</strong>
        )}
      </p>
      {held.length + others.length > 0 && (
        <ul className="verdict-reasons" aria-label="What is not well">
          {held.map((alert) => (
            <li key={`${alert.rule} ${alert.subject}`}>
              <StatusPill status={alert.state === "firing" ? "failing" : "degraded"}>
                {alert.state}
                {alert.silenced_by !== null && ", silenced"}
              </StatusPill>
              <span>{alert.says}</span>
              <span className="muted">
                since {written(alert.since).slice(11)} UTC ({duration(ageOf(alert.since, now))})
              </span>
              <HopButton hop={hopOf(alert, hops)?.label} name={hopOf(alert, hops)?.name} choose={choose} />
              <RunbookButton rule={alert.rule} />
              <Link href="/operations/alerts">Silence</Link>
            </li>
          ))}
          {others.map(({ hop, says }) => (
            <li key={`${hop.name} ${says}`}>
              <StatusPill status={hop.status}>{hop.status}</StatusPill>
              <span>{says}</span>
              <span className="muted">{since(moments, hop.name, says)}</span>
              <HopButton hop={hop.label} name={hop.name} choose={choose} />
            </li>
          ))}
        </ul>
      )}
      {held.length + others.length === 0 && newest && (
        <p className="muted">
          No alert is open.
          {resolved &&
            ` The last was ${resolved.rule} of ${resolved.subject}, resolved ${written(resolved.resolved_at)} UTC.`}
        </p>
      )}
    </section>
  );
}

function HopButton({
  hop,
  name,
  choose,
}: {
  hop: string | undefined;
  name: string | undefined;
  choose: (hop: string) => void;
}) {
  if (hop === undefined || name === undefined) return null;
  return (
    <button type="button" className="plain" onClick={() => choose(name)}>
      {hop}
    </button>
  );
}

/** As long as this page has seen a reason without a break; sentences change their numbers, so by their first word. */
function since(moments: readonly Moment[], hop: string, says: string): string {
  const subject = says.split(" ")[0] ?? "";
  const holds = (one: Moment) =>
    one.hops.some((at) => at.name === hop && at.reasons.some((reason) => reason.startsWith(subject)));
  const before = moments.findLastIndex((one) => !holds(one));
  const first = moments[before + 1];
  const last = moments.at(-1);
  if (!first || !last) return "";
  const seconds = duration(last.at - first.at);
  return before === -1
    ? `since ${clock(first.at)} UTC or longer`
    : `since ${clock(first.at)} UTC (${seconds})`;
}
