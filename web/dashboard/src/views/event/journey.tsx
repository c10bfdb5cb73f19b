/** The journey of an event as a timeline, or why there is none. */
import { useState } from "react";
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import { cell, count, moment } from "../../format";
import type { Value } from "../../api/types";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { editorLink } from "../../ui/sql-behind";
import { StatusPill } from "../../ui/status";
import {
  bronzeQuestion,
  goldQuestion,
  isOver,
  steps,
  summary,
  type GoldRow,
  type Journey,
  type Step,
} from "./steps";

/** A look reads all ids of bronze: while something is still to come, and no more often. */
const AGAIN_MS = 10_000;

export function JourneyOf({ id }: { id: string }) {
  const [over, setOver] = useState(false);
  const journey = useAnswer<Journey>(`/trace/${encodeURIComponent(id)}`, {
    every: over ? Infinity : AGAIN_MS,
  });
  if (journey.data && isOver(journey.data) !== over) setOver(!over);
  if (journey.data === undefined && journey.error?.status === 404) return <NotFound id={id} />;
  return (
    <Answer of={journey}>
      {(data) => (
        <>
          <Panel title={data.source ?? "Refused"} about={<code>{data.event_id}</code>} actions={<CopyLink />}>
            <p className="journey-summary">{summary(data)}</p>
            {data.source !== null && (
              <Link href={editorLink(bronzeQuestion(data.source, data.event_id), true)}>
                Its rows in bronze, in the editor
              </Link>
            )}
          </Panel>
          {data.copies.map((copy, i) => (
            <Panel
              key={`${copy.topic} ${copy.partition} ${copy.offset}`}
              title={data.copies.length > 1 ? `Delivery ${i + 1} of ${data.copies.length}` : "Journey"}
              about="Times are UTC."
            >
              <ol className="timeline" aria-label={data.copies.length > 1 ? `Delivery ${i + 1}` : "Journey"}>
                {steps(copy, data.source ?? "").map((step) => (
                  <StepItem key={step.name} step={step} />
                ))}
                {copy.silver === "kept" && data.gold.map((row) => <GoldItem key={row.table} gold={row} />)}
              </ol>
            </Panel>
          ))}
          {data.dead_letters.length > 0 && <Refused letters={data.dead_letters} />}
        </>
      )}
    </Answer>
  );
}

function StepItem({ step }: { step: Step }) {
  return (
    <li className={step.status}>
      <h3>
        {step.name} <StatusPill status={step.status}>{step.word}</StatusPill>
        {step.took !== undefined && <span className="took"> {step.took}</span>}
      </h3>
      <p>
        {step.at !== undefined && <time dateTime={step.at}>{precise(step.at)}</time>}
        <span>{step.says}</span>
        {step.table !== undefined && <Link href={`/data/${step.table}`}>{step.table}</Link>}
      </p>
    </li>
  );
}

function GoldItem({ gold }: { gold: GoldRow }) {
  const question = goldQuestion(gold);
  const status = gold.includes_event ? "ok" : "degraded";
  return (
    <li className={status}>
      <h3>
        Gold <StatusPill status={status}>{gold.includes_event ? "counted" : "waiting"}</StatusPill>
      </h3>
      <p>
        <Link href={`/data/${gold.table}`}>{gold.table}</Link>
        <span>
          {gold.row === null
            ? "Its row is not computed yet."
            : gold.includes_event
              ? "The event counts in this row:"
              : "The row as it was before; its next refresh takes the event in:"}
        </span>
      </p>
      {gold.row !== null && (
        <dl className="gold-row">
          {Object.entries(gold.row).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{shown(value as Value)}</dd>
            </div>
          ))}
        </dl>
      )}
      {question && <Link href={editorLink(question, true)}>The row in the editor</Link>}
    </li>
  );
}

function Refused({ letters }: { letters: Journey["dead_letters"] }) {
  return (
    <Panel title="Dead letters" about="What ingestion refused that has this id in its bytes. Times are UTC.">
      <ul className="letters">
        {letters.map((letter) => (
          <li key={letter.origin}>
            <StatusPill status="failing">{letter.kind}</StatusPill> <strong>{letter.reason}</strong>
            <p className="muted">
              {letter.origin}, refused {moment(letter.dead_lettered_at)}, attempt {letter.attempts}.{" "}
              <code>dp dead-letters show {letter.origin}</code> has its bytes,{" "}
              <code>dp dead-letters replay</code> sends it again.
            </p>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function NotFound({ id }: { id: string }) {
  return (
    <div className="message" role="status">
      <p>
        <strong>No event has the id {id}</strong>: it is not in landing, bronze or silver, and no dead letter
        has it in its bytes.
      </p>
      <ul>
        <li>Is the id complete, in the same case, without quotes?</li>
        <li>
          An event takes up to ten seconds to land. This page looks again by itself; the{" "}
          <Link href="/">live view</Link> shows whether anything stands still.
        </li>
        <li>
          Older than the retention of bronze, or of a person who has been erased: it is gone on purpose (
          <code>dp settings</code> and <code>dp erase</code>).
        </li>
      </ul>
    </div>
  );
}

function CopyLink() {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      onClick={() => void navigator.clipboard.writeText(location.href).then(() => setCopied(true))}
    >
      <span aria-live="polite">{copied ? "Copied" : "Copy the link"}</span>
    </button>
  );
}

function shown(value: Value): string {
  if (value === null) return "–";
  if (typeof value === "number") return count(value, 3);
  const text = cell(value);
  return /^\d{4}-\d\d-\d\dT.*Z$/.test(text) ? precise(text) : text;
}

/** With milliseconds. */
function precise(text: string): string {
  return text
    .replace("T", " ")
    .replace(/(\.\d{3})\d*Z$/, "$1")
    .replace(/Z$/, "");
}
