import { useId, type ReactNode } from "react";
import { SqlBehind } from "./sql-behind";
import type { Question } from "../api/client";

interface Props {
  title: string;
  /** What it shows, in a sentence. */
  about?: ReactNode;
  actions?: ReactNode;
  /** The statement that it shows the rows of. */
  sql?: Question;
  children: ReactNode;
}

export function Panel({ title, about, actions, sql, children }: Props) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {actions}
      </header>
      {about && <p className="about">{about}</p>}
      {children}
      {sql && <SqlBehind question={sql} />}
    </section>
  );
}

export function Stats({ children }: { children: ReactNode }) {
  return <dl className="stats">{children}</dl>;
}

export function Stat({ label, value, note }: { label: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="stat">
      <dt>{label}</dt>
      <dd>
        {value}
        {note && <span className="note">{note}</span>}
      </dd>
    </div>
  );
}
