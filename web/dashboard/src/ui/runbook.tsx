/** A runbook beside what calls for it. */
import { lazy, Suspense, useRef, useState } from "react";
import { Loading } from "./messages";

const RunbookText = lazy(() => import("./runbooks"));

export function Runbook({ rule }: { rule: string }) {
  return (
    <Suspense fallback={<Loading />}>
      <RunbookText rule={rule} />
    </Suspense>
  );
}

export function RunbookButton({ rule }: { rule: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [opened, setOpened] = useState(false);
  const show = () => {
    setOpened(true);
    dialog.current?.showModal();
  };
  return (
    <>
      <button type="button" className="plain" onClick={show} aria-label={`Runbook of ${rule}`}>
        Runbook
      </button>
      <dialog ref={dialog} aria-label={`Runbook: ${rule}`}>
        {opened && <Runbook rule={rule} />}
        <form method="dialog">
          <button type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
}
