/** The newest event of each source, to begin with. */
import { Link } from "wouter";
import { useRows } from "../../api/hooks";
import type { Question } from "../../api/client";
import { moment } from "../../format";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { ID_FIELDS } from "./steps";

const TIMES: Record<string, string> = {
  app_events: "event_timestamp",
  clickstream: "click_timestamp",
  cdc_changes: "commit_timestamp",
  external_data: "observed_at",
};

const NEWEST: Question = {
  sql: Object.entries(ID_FIELDS)
    .map(
      ([source, id]) =>
        `SELECT '${source}' AS source, ARG_MAX(${id}, source_timestamp) AS id, MAX(${TIMES[source]}) AS at\nFROM ${source}_bronze`,
    )
    .join("\nUNION ALL\n"),
};

interface Example {
  source: string;
  id: string | null;
  at: string | null;
}

export function Examples() {
  const newest = useRows<Example>(NEWEST, { every: Infinity });
  return (
    <Panel
      title="Newest events"
      about="One of each source, as examples. Records of users have no id: look for them by user_id in users_bronze."
      sql={NEWEST}
    >
      <Answer
        of={newest}
        isEmpty={(data) => data.rows.every((row) => row.id === null)}
        empty="No event has reached bronze yet. The first do within half a minute of the start."
      >
        {({ rows }) => (
          <ul className="examples">
            {rows.map(
              (row) =>
                row.id !== null && (
                  <li key={row.source}>
                    <span>{row.source}</span>
                    <Link href={`/event/${encodeURIComponent(row.id)}`}>
                      <code>{row.id}</code>
                    </Link>
                    <span className="muted">{moment(row.at)} UTC</span>
                  </li>
                ),
            )}
          </ul>
        )}
      </Answer>
    </Panel>
  );
}
