/** One table: what it is in a head, and its parts in tabs. */
import { Link } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { TableDetail } from "../../api/types";
import { count, duration, moment, percent, size } from "../../format";
import { AddressTabs } from "../../ui/address-tabs";
import { Failure, Loading } from "../../ui/messages";
import { Stat, Stats } from "../../ui/panel";
import { editorLink } from "../../ui/sql-behind";
import { Freshness, LayerBadge } from "../../ui/table-words";
import { Annotations } from "./annotations";
import { Details } from "./details";
import { Examples } from "./examples";
import { Preview } from "./preview";
import { Quality } from "./quality";
import { Columns } from "./columns";
import { Versions } from "./versions";
import { examples } from "./statements";

export function TablePage({ name, tab }: { name: string; tab: string | undefined }) {
  const base = `/data/${name}`;
  const answer = useAnswer<TableDetail>(`/tables/${encodeURIComponent(name)}`, { every: 15_000 });
  const table = answer.data;
  return (
    <>
      <nav aria-label="Where this is" className="trail">
        <Link href="/data">All tables</Link>
        <span aria-hidden="true">/</span>
        <span className="muted">{name}</span>
      </nav>
      {!table && answer.error && (
        <>
          <h1>{name}</h1>
          <Failure problem={answer.error} retry={() => void answer.refetch()} />
        </>
      )}
      {!table && !answer.error && <Loading />}
      {table && (
        <>
          <Head table={table} />
          {answer.error && <p className="muted">Not refreshed: {answer.error.message}</p>}
          <AddressTabs
            label={`Parts of ${name}`}
            base={base}
            shown={tab}
            tabs={[
              { id: "preview", label: "Preview", content: () => <Preview table={table} /> },
              { id: "columns", label: "Columns", content: () => <Columns table={table} /> },
              { id: "versions", label: "Versions", content: () => <Versions table={table} /> },
              { id: "quality", label: "Quality", content: () => <Quality table={table} /> },
              { id: "details", label: "Details", content: () => <Details table={table} /> },
              { id: "statements", label: "Example SQL", content: () => <Examples table={table} /> },
            ]}
          />
        </>
      )}
    </>
  );
}

function Head({ table }: { table: TableDetail }) {
  const first = examples(table)[0];
  return (
    <>
      <header className="table-head">
        <div className="row">
          <h1>{table.name}</h1>
          <LayerBadge layer={table.layer} />
          <Freshness table={table} />
        </div>
        <div className="row">
          {first && (
            <Link className="button" href={editorLink(first.question, true)}>
              Query it
            </Link>
          )}
          <Link className="button" href={`/lineage/${table.name}`}>
            Lineage
          </Link>
        </div>
      </header>
      <p>{table.description}</p>
      {table.problem && (
        <p className="message failing" role="alert">
          {table.problem}
        </p>
      )}
      <Annotations table={table} />
      <Stats>
        <Stat
          label="Rows"
          value={count(table.rows)}
          note={table.rows === null ? "not counted" : "newest version"}
        />
        <Stat label="Size" value={size(table.bytes)} note={`${count(table.files)} files`} />
        <Stat
          label="Age of the newest event"
          value={duration(table.lag_seconds)}
          note={`target ${duration(table.freshness_target_seconds)}`}
        />
        <Stat
          label="Newest event"
          value={<span className="small-value">{moment(table.newest_event)}</span>}
          note="UTC"
        />
        <Stat
          label="Version"
          value={count(table.version)}
          note={table.version === null ? "it has none" : `written ${moment(table.updated_at)} UTC`}
        />
        <Stat
          label="Quality"
          value={percent(table.quality_score)}
          note={
            table.quality
              ? `${table.quality.passed} of ${table.quality.rules} rules hold`
              : table.rules.length > 0
                ? "not checked lately"
                : "no rules"
          }
        />
      </Stats>
    </>
  );
}
