/** The key: asked for when the API asks for one, changed or forgotten at will. */
import { useEffect, useRef, useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { key } from "../api/client";
import { useAnswer, useKey } from "../api/hooks";
import type { TableSummary } from "../api/types";

export function KeyDialog() {
  const held = useKey();
  const queries = useQueryClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState("");
  const probe = useAnswer<TableSummary[]>("/tables", { every: 30_000 });
  const refused = probe.error?.status === 401;
  useEffect(() => {
    if (refused && !dialog.current?.open) dialog.current?.showModal();
  }, [refused]);
  if (!refused && !held) return null;
  const use = (value: string | null) => {
    key.set(value);
    setTyped("");
    dialog.current?.close();
    void queries.resetQueries();
  };
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>
        Key
      </button>
      <dialog ref={dialog} aria-labelledby="key-title">
        <form
          method="dialog"
          onSubmit={(event) => {
            event.preventDefault();
            if (typed.trim()) use(typed.trim());
          }}
        >
          <h2 id="key-title">This API asks for a key</h2>
          <p>
            {refused && held
              ? "The key of this tab is not valid (any more)."
              : "Made by dp keys create NAME. It stays in this tab and is forgotten with it."}
          </p>
          <label className="field">
            Key
            <input
              type="password"
              autoComplete="off"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
          <div className="row">
            <button type="submit" className="primary">
              Use it
            </button>
            {held && (
              <button type="button" onClick={() => use(null)}>
                Forget it
              </button>
            )}
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
