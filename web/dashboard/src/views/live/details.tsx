/** What stands behind a hop. */
import { Link } from "wouter";
import { useEffect, useRef } from "react";
import type { Moment } from "../../api/types";
import { count } from "../../format";
import { DataTable } from "../../ui/data-table";
import { StatusPill } from "../../ui/status";
import { Consumers } from "./consumers";
import { DeadLetters } from "./dead-letters";
import { DETAILS } from "./flow";
import { Landing, Workers } from "./stream-details";
import { Tables } from "./tables";
import type { Hop } from "./words";

interface Props {
  hop: Hop;
  newest: Moment;
  close: () => void;
}

export function Details({ hop, newest, close }: Props) {
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: "nearest" });
  }, [hop.name]);
  return (
    <section className="panel" id={DETAILS} ref={box} aria-labelledby="details-title">
      <header>
        <h2 id="details-title">
          {hop.label} <StatusPill status={hop.status} />
        </h2>
        <button type="button" onClick={close}>
          Close
        </button>
      </header>
      {hop.reasons.map((says) => (
        <p key={says} className="message">
          {says}
        </p>
      ))}
      <Content hop={hop} newest={newest} />
    </section>
  );
}

function Content({ hop, newest }: { hop: Hop; newest: Moment }) {
  switch (hop.name) {
    case "producers":
      return <Producers services={newest.services.filter(({ name }) => name.endsWith("-simulator"))} />;
    case "kafka":
      return <Consumers />;
    case "ingestion":
      return <DeadLetters />;
    case "workers":
      return <Workers />;
    case "landing":
      return <Landing />;
    case "bronze":
    case "silver":
    case "gold":
      return <Tables layer={hop.name} versions={newest.versions} />;
    default:
      return <p className="muted">Nothing more is known of it.</p>;
  }
}

function Producers({ services }: { services: Moment["services"] }) {
  if (services.length === 0) {
    return (
      <p className="muted">
        None of the platform&apos;s own simulators runs. Other producers are seen by what comes into the
        topics.
      </p>
    );
  }
  return (
    <>
      <DataTable
        caption="Producers"
        heads="service"
        rowKey={(row) => row.name}
        rows={services}
        columns={[
          { key: "service", value: (row) => row.name },
          { key: "state", value: (row) => row.state },
          {
            key: "rate",
            label: "Events/s",
            numeric: true,
            value: (row) => row.events_per_second,
            show: (row) => count(row.events_per_second, 1),
          },
          {
            key: "total",
            label: "Sent since its start",
            numeric: true,
            value: (row) => row.total,
            show: (row) => count(row.total),
          },
        ]}
      />
      <Link href="/operations">All services in Operations</Link>
    </>
  );
}
