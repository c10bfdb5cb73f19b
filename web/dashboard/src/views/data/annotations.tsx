/** Owner and tags: seen by all, set in place by admins. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Link } from "wouter";
import { ask, type Problem } from "../../api/client";
import { useIsAdmin } from "../../api/me";
import type { Schemas, TableDetail } from "../../api/types";
import { NONE } from "../../format";

type Change = Schemas["Annotation"];

function useAnnotate(name: string) {
  const queries = useQueryClient();
  const path = `/tables/${encodeURIComponent(name)}`;
  return useMutation<TableDetail, Problem, Change, TableDetail | undefined>({
    mutationFn: (change) => ask<TableDetail>(path, { method: "PATCH", body: change }),
    // Shown at once; taken back when it is refused.
    onMutate: async (change) => {
      await queries.cancelQueries({ queryKey: ["get", path] });
      const before = queries.getQueryData<TableDetail>(["get", path]);
      if (before) {
        queries.setQueryData<TableDetail>(["get", path], {
          ...before,
          owner: change.owner ?? before.owner,
          tags: change.tags ?? before.tags,
        });
      }
      return before;
    },
    onError: (_, __, before) => queries.setQueryData(["get", path], before),
    onSuccess: (answer) => {
      queries.setQueryData(["get", path], answer);
      void queries.invalidateQueries({ queryKey: ["get", "/tables"] });
      void queries.invalidateQueries({ queryKey: ["get", "/catalog"] });
    },
  });
}

export function Annotations({ table }: { table: TableDetail }) {
  const admin = useIsAdmin() ?? false;
  const annotate = useAnnotate(table.name);
  return (
    <div className="annotations">
      <Editable
        label="Owner"
        value={table.owner}
        hint="1 to 200 characters."
        admin={admin}
        save={(owner) => annotate.mutate({ owner })}
        check={(text) => (text ? undefined : "A table has an owner.")}
      >
        {table.owner || NONE}
      </Editable>
      <Editable
        label="Tags"
        value={table.tags.join(" ")}
        hint="Words of a–z, 0–9, _ . and -, with spaces between."
        admin={admin}
        save={(text) => annotate.mutate({ tags: words(text) })}
        check={(text) => wrongTags(words(text))}
      >
        {table.tags.length === 0
          ? NONE
          : table.tags.map((tag) => (
              <Link key={tag} href={`/data?tag=${encodeURIComponent(tag)}`} className="tag">
                {tag}
              </Link>
            ))}
      </Editable>
      <div role="status">
        {annotate.isPending && <span className="muted">Saving…</span>}
        {annotate.isSuccess && <span className="muted">Saved.</span>}
      </div>
      {annotate.error && (
        <p className="message failing" role="alert">
          Not saved: {annotate.error.message}
        </p>
      )}
    </div>
  );
}

function words(text: string): string[] {
  return [
    ...new Set(
      text
        .toLowerCase()
        .split(/[\s,]+/)
        .filter(Boolean),
    ),
  ];
}

function wrongTags(tags: string[]): string | undefined {
  const wrong = tags.find((tag) => !/^[a-z0-9_.-]{1,64}$/.test(tag));
  if (wrong) return `“${wrong}” is no tag.`;
  return tags.length > 20 ? "At most 20 tags." : undefined;
}

interface EditableProps {
  label: string;
  value: string;
  hint: string;
  admin: boolean;
  save: (value: string) => void;
  /** What is wrong with it. */
  check: (value: string) => string | undefined;
  children: ReactNode;
}

function Editable({ label, value, hint, admin, save, check, children }: EditableProps) {
  const [draft, setDraft] = useState<string>();
  const [wrong, setWrong] = useState<string>();
  const edit = useRef<HTMLButtonElement>(null);
  const close = () => {
    setDraft(undefined);
    setWrong(undefined);
    requestAnimationFrame(() => edit.current?.focus());
  };
  const submit = () => {
    const text = (draft ?? "").trim();
    const problem = check(text);
    setWrong(problem);
    if (problem) return;
    if (text !== value) save(text);
    close();
  };
  if (draft === undefined) {
    return (
      <div className="row">
        <span className="muted">{label}</span>
        <span className="row tight">{children}</span>
        {admin && (
          <button
            ref={edit}
            type="button"
            className="plain"
            aria-label={`Edit ${label.toLowerCase()}`}
            onClick={() => setDraft(value)}
          >
            Edit
          </button>
        )}
      </div>
    );
  }
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label className="row">
        <span className="muted">{label}</span>
        <input
          // What was asked for with the button is where one goes on.
          // eslint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          value={draft}
          maxLength={1400}
          aria-invalid={wrong !== undefined}
          aria-describedby={`hint-${label}`}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event: KeyboardEvent) => event.key === "Escape" && close()}
        />
      </label>
      <button type="submit" className="primary">
        Save
      </button>
      <button type="button" onClick={close}>
        Cancel
      </button>
      <span id={`hint-${label}`} className={wrong ? "wrong" : "muted"} role={wrong ? "alert" : undefined}>
        {wrong ?? hint}
      </span>
    </form>
  );
}
