import { Link } from "wouter";
import type { TableDetail } from "../../api/types";
import { Panel } from "../../ui/panel";
import { editorLink } from "../../ui/sql-behind";
import { examples } from "./statements";

export function Examples({ table }: { table: TableDetail }) {
  return (
    <div className="grid">
      {examples(table).map(({ title, question }) => (
        <Panel
          key={title}
          title={title}
          actions={<Link href={editorLink(question, true)}>Run in the editor</Link>}
        >
          <pre>
            <code>{question.sql}</code>
          </pre>
          {question.as_of && <p className="muted">as of {question.as_of}</p>}
        </Panel>
      ))}
    </div>
  );
}
