/** What is broken, since when, and what to do: each finding with its alert and its runbook. */
import { useState } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Problem } from "../../api/client";
import type { AlertList, Report, Schemas } from "../../api/types";
import { ageOf, duration, moment } from "../../format";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { StatusPill } from "../../ui/status";
import { Runbook } from "../../ui/runbook";

interface Props {
  report: UseQueryResult<Report, Problem>;
  alerts: AlertList | undefined;
  /** One line, where something else is looked at. */
  brief: boolean;
}

export function Verdict({ report, alerts, brief }: Props) {
  const found = worstFirst(report.data?.findings ?? []);
  const worst = found[0];
  if (brief && worst) {
    return (
      <p className="row" role="status">
        <StatusPill status={worst.status} />
        <strong>{worst.says}</strong>
        {found.length > 1 && <span>and {found.length - 1} more</span>}
        <Link href="/operations">Since when, and what to do</Link>
      </p>
    );
  }
  return (
    <Panel title="What is broken, since when, what to do">
      <Answer of={report}>
        {(data) => (
          <>
            {data.findings.length === 0 ? (
              <AllWell report={data} />
            ) : (
              <Broken report={data} alerts={alerts} />
            )}
            {data.undecided.length > 0 && (
              <p className="muted">
                Not known now, as the platform starts or stops, or a part cannot be looked at:{" "}
                {data.undecided.join(", ")}.
              </p>
            )}
          </>
        )}
      </Answer>
    </Panel>
  );
}

function worstFirst(findings: Schemas["Finding"][]): Schemas["Finding"][] {
  return findings.toSorted((a, b) => Number(b.status === "failing") - Number(a.status === "failing"));
}

function AllWell({ report }: { report: Report }) {
  const running = report.services.filter((service) => service.status === "ok").length;
  return (
    <div className="row">
      <StatusPill status={report.status}>
        {report.status === "ok" ? "nothing is broken" : report.status}
      </StatusPill>
      <span>
        {running} of {report.services.length} services,{" "}
        {report.tables.filter((one) => one.status === "ok").length} of {report.tables.length} tables and{" "}
        {report.groups.filter((one) => one.status === "ok").length} of {report.groups.length} consumer groups
        are well.
      </span>
      {report.reasons.map((reason) => (
        <p key={reason}>{reason}</p>
      ))}
    </div>
  );
}

function Broken({ report, alerts }: { report: Report; alerts: AlertList | undefined }) {
  return (
    <ul className="findings">
      {worstFirst(report.findings).map((finding) => {
        const alert = alerts?.alerts.find(
          (one) => one.rule === finding.rule && one.subject === finding.subject && one.state !== "resolved",
        );
        return (
          <OneFinding
            key={`${finding.rule} ${finding.subject}`}
            finding={finding}
            alert={alert}
            now={Date.parse(report.at)}
          />
        );
      })}
    </ul>
  );
}

function OneFinding({
  finding,
  alert,
  now,
}: {
  finding: Schemas["Finding"];
  alert: Schemas["ListedAlert"] | undefined;
  /** Unix milliseconds, by the server's clock. */
  now: number;
}) {
  const [open, setOpen] = useState(false);
  return (
    <li className={`finding ${finding.status}`}>
      <div className="finding-head">
        <StatusPill status={finding.status} />
        <strong>{finding.says}</strong>
      </div>
      <div className="row">
        <span>
          {alert ? (
            <>
              since {moment(alert.since)} UTC, {duration(ageOf(alert.since, now))}
            </>
          ) : (
            "since when is not known: the monitor has not noted it yet"
          )}
        </span>
        <span className="muted">
          {finding.rule} of {finding.subject}
          {alert && ` · ${alert.severity}, ${alert.silenced_by ? "silenced" : alert.state}`}
        </span>
        <button
          type="button"
          aria-expanded={open}
          aria-label={`What to do about ${finding.rule} of ${finding.subject}`}
          onClick={() => setOpen(!open)}
        >
          What to do
        </button>
        <Link
          aria-label={`Silence ${finding.rule} of ${finding.subject}`}
          href={`/operations/alerts?rule=${encodeURIComponent(finding.rule)}&subject=${encodeURIComponent(finding.subject)}`}
        >
          Silence
        </Link>
      </div>
      {open && <Runbook rule={finding.rule} />}
    </li>
  );
}
