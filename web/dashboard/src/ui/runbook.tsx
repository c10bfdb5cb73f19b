/** A runbook of the documentation, beside what calls for it: it is part of the page, and there without a network. */
import { useRef, useState, type ReactNode } from "react";
import { Loading } from "./messages";

export function RunbookButton({ rule }: { rule: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState<string | null>();
  const show = () => {
    dialog.current?.showModal();
    void import("./runbooks").then(({ runbook }) => setText(runbook(rule)));
  };
  return (
    <>
      <button type="button" className="plain" onClick={show} aria-label={`Runbook of ${rule}`}>
        Runbook
      </button>
      <dialog ref={dialog} aria-label={`Runbook: ${rule}`} className="runbook">
        {text === undefined ? (
          <Loading />
        ) : text === null ? (
          <p>There is no runbook of {rule}.</p>
        ) : (
          <Prose text={text} />
        )}
        <form method="dialog">
          <button type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
}

/** Headings, lists, paragraphs and code: the Markdown that runbooks are written in. */
export function Prose({ text }: { text: string }) {
  return (
    <>
      {text
        .trim()
        .split(/\n{2,}/)
        .map((block, i) => (
          <Block key={i} text={block} />
        ))}
    </>
  );
}

function Block({ text }: { text: string }) {
  const heading = /^(#{1,3}) (.*)$/.exec(text);
  if (heading) {
    const said = inline(heading[2] ?? "");
    return heading[1] === "#" ? <h2>{said}</h2> : <h3>{said}</h3>;
  }
  if (text.startsWith("```")) return <pre>{text.replace(/^```.*\n?|```$/gm, "")}</pre>;
  const items = text.split(/^(?:- |\d+\. )/m);
  if (items.length > 1 && items[0] === "") {
    const list = items.slice(1).map((item, i) => <li key={i}>{inline(item)}</li>);
    return /^\d/.test(text) ? <ol>{list}</ol> : <ul>{list}</ul>;
  }
  return <p>{inline(text)}</p>;
}

function inline(text: string): ReactNode[] {
  return text
    .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .map((part, i) =>
      part.startsWith("`") ? (
        <code key={i}>{part.slice(1, -1)}</code>
      ) : part.startsWith("**") ? (
        <strong key={i}>{part.slice(2, -2)}</strong>
      ) : (
        part
      ),
    );
}
