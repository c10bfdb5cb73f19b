/** Alerts with their runbooks; silences: made, seen, ended. */
import { useState } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Problem } from "../../api/client";
import type { AlertList, Schemas } from "../../api/types";
import { ageOf, count, duration, moment } from "../../format";
import { useAddress } from "../../ui/address";
import { Answer, Empty } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { StatusPill, type Shown } from "../../ui/status";
import { Runbook } from "../../ui/runbook";
import { SilenceForm, Silences } from "./silences";

type Alert = Schemas["ListedAlert"];

const ORDER: Alert["state"][] = ["firing", "pending", "resolved"];

export function Alerts({ alerts }: { alerts: UseQueryResult<AlertList, Problem> }) {
  const [address, setAddress] = useAddress();
  const rule = address.get("rule") ?? "";
  const subject = address.get("subject") ?? "";
  return (
    <Answer of={alerts}>
      {(data) => (
        <>
          <Panel
            title="Alerts"
            about={
              data.at
                ? `The monitor last looked at ${moment(data.at)} UTC. Resolved ones stay for a week.`
                : "The monitor has not looked yet: it does so within a minute of the scheduler's start."
            }
          >
            {data.undelivered > 0 && (
              <p className="message failing" role="alert">
                {count(data.undelivered)} notices could not be delivered yet. Look at the log of the
                scheduler: dp logs scheduler.
              </p>
            )}
            {data.alerts.length === 0 ? (
              <Empty>Nothing fires, and nothing has fired in the last week.</Empty>
            ) : (
              <ul className="findings" aria-label="Alerts">
                {data.alerts
                  .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
                  .map((alert) => (
                    <OneAlert
                      key={`${alert.rule} ${alert.subject} ${alert.since}`}
                      alert={alert}
                      silence={() => setAddress({ rule: alert.rule, subject: alert.subject })}
                    />
                  ))}
              </ul>
            )}
          </Panel>
          <div className="grid">
            <SilenceForm key={`${rule} ${subject}`} rule={rule} subject={subject} />
            <Silences silences={data.silences} />
          </div>
        </>
      )}
    </Answer>
  );
}

function shown(alert: Alert): Shown {
  if (alert.state === "resolved") return "ok";
  if (alert.state === "pending" || alert.severity === "info") return "idle";
  return alert.severity === "critical" ? "failing" : "degraded";
}

function OneAlert({ alert, silence }: { alert: Alert; silence: () => void }) {
  const [open, setOpen] = useState(false);
  const end = Date.parse(alert.resolved_at ?? alert.seen_at);
  return (
    <li className={`finding ${shown(alert)}`}>
      <div className="finding-head">
        <StatusPill status={shown(alert)}>{alert.state}</StatusPill>
        <strong>{alert.says}</strong>
      </div>
      <div className="row">
        <span>
          {moment(alert.since)} {alert.resolved_at ? `to ${moment(alert.resolved_at)} UTC` : "UTC, for"}{" "}
          {alert.resolved_at ? `(${duration(ageOf(alert.since, end))})` : duration(ageOf(alert.since, end))}
        </span>
        <span className="muted">
          {alert.rule} of {alert.subject} · {alert.severity}
          {alert.fires.length > 1 && ` · fired ${alert.fires.length} times of late`}
          {alert.silenced_by && ` · silenced by ${alert.silenced_by}`}
        </span>
        <button
          type="button"
          aria-expanded={open}
          aria-label={`What to do about ${alert.rule} of ${alert.subject}`}
          onClick={() => setOpen(!open)}
        >
          What to do
        </button>
        {alert.state !== "resolved" && !alert.silenced_by && (
          <button type="button" aria-label={`Silence ${alert.rule} of ${alert.subject}`} onClick={silence}>
            Silence
          </button>
        )}
      </div>
      {open && <Runbook rule={alert.rule} />}
    </li>
  );
}
