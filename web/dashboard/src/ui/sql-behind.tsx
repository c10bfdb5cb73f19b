import { Link } from "wouter";
import type { Question } from "../api/client";

/** Address of the editor with a statement in it. Behind the #: it reaches no log. */
export function editorLink(question: Question, run = false): string {
  const held = new URLSearchParams({ q: question.sql });
  if (question.parameters) held.set("parameters", JSON.stringify(question.parameters));
  if (question.as_of) held.set("as_of", question.as_of);
  if (run) held.set("run", "1");
  return `/sql?${held}`;
}

/** The statement behind what is shown, with a link into the editor. */
export function SqlBehind({ question }: { question: Question }) {
  return (
    <details>
      <summary>SQL</summary>
      <pre>
        <code>{question.sql.trim()}</code>
      </pre>
      <Link href={editorLink(question, true)}>Open in the editor</Link>
    </details>
  );
}
