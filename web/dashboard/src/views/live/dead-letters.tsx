/** What ingestion has refused, and why. */
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { Schemas } from "../../api/types";
import { count, moment } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer } from "../../ui/messages";

type DeadLetterList = Schemas["DeadLetters"];

export function DeadLetters() {
  const letters = useAnswer<DeadLetterList>("/dead-letters?limit=50", { every: 15_000 });
  return (
    <>
      <h3>Dead letters</h3>
      <Answer
        of={letters}
        isEmpty={(data) => data.total === 0}
        empty="No record has been refused: every one that came met its contract."
      >
        {(data) => (
          <>
            <p className="about">
              {count(data.total)} refused in all. After a fix, <code>dp dead-letters replay</code> sends them
              again.
            </p>
            <DataTable
              caption="Dead letters by reason"
              rowKey={(row) => `${row.source} ${row.kind} ${row.reason}`}
              rows={data.by_reason}
              columns={[
                { key: "source", value: (row) => row.source },
                { key: "kind", value: (row) => row.kind },
                { key: "reason", value: (row) => row.reason },
                {
                  key: "count",
                  label: "Records",
                  numeric: true,
                  value: (row) => row.count,
                  show: (row) => count(row.count),
                },
                {
                  key: "newest",
                  label: "Newest (UTC)",
                  value: (row) => row.newest,
                  show: (row) => moment(row.newest),
                },
              ]}
            />
            <h3>The newest</h3>
            <DataTable
              caption="Newest dead letters"
              rowKey={(row) => row.position}
              rows={data.letters}
              columns={[
                {
                  key: "at",
                  label: "Refused (UTC)",
                  value: (row) => row.dead_lettered_at,
                  show: (row) => moment(row.dead_lettered_at),
                },
                { key: "origin", label: "Source position", value: (row) => row.origin },
                { key: "reason", value: (row) => row.reason },
                { key: "attempts", numeric: true, value: (row) => row.attempts },
                {
                  key: "replayed",
                  value: (row) => row.replayed,
                  show: (row) => (row.replayed ? "sent again" : "no"),
                },
                { key: "raw", label: "Beginning of its bytes", value: (row) => row.raw },
              ]}
            />
          </>
        )}
      </Answer>
      <Link href="/event">Look for one event</Link>
    </>
  );
}
