/** What to do about a rule that does not hold. */
import { Fragment } from "react";
import { runbook } from "./runbooks";

export function Runbook({ rule }: { rule: string }) {
  const sections = runbook(rule);
  if (!sections) return <p>There is no runbook of {rule}.</p>;
  return (
    <div className="runbook">
      {sections.map((section) => (
        <Fragment key={section.title}>
          {section.title && <h3>{section.title}</h3>}
          {section.paragraphs.map((text) => (
            <p key={text}>
              <Inline text={text} />
            </p>
          ))}
          {section.steps.length > 0 && (
            <ul>
              {section.steps.map((text) => (
                <li key={text}>
                  <Inline text={text} />
                </li>
              ))}
            </ul>
          )}
        </Fragment>
      ))}
      <p className="muted">docs/runbooks/{rule}.md</p>
    </div>
  );
}

/** Text with `code` in it. */
function Inline({ text }: { text: string }) {
  return text.split("`").map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}
