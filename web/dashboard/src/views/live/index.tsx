/** The live view: how it is in one look, the way from producers to gold, and the rates of the last minutes. */
import { lazy, Suspense } from "react";
import { useSearchParams } from "wouter";
import { useAnswer } from "../../api/hooks";
import { useLive } from "../../api/live";
import type { AlertList } from "../../api/types";
import { clock } from "../../format";
import { Loading } from "../../ui/messages";
import { Details } from "./details";
import { Flow } from "./flow";
import "./live.css";
import { Sources } from "./sources";
import { VerdictPanel } from "./verdict";

// The charts' library is not what the first look waits for.
const Charts = lazy(() => import("./charts"));

export default function Live() {
  const { connection, newest, moments } = useLive();
  const alerts = useAnswer<AlertList>("/alerts", { every: 10_000 });
  const [search, setSearch] = useSearchParams();
  const chosen = newest?.hops.find((hop) => hop.name === search.get("hop"));
  const stale = connection === "lost";
  const choose = (name: string | undefined) =>
    setSearch(name === undefined ? {} : { hop: name }, { replace: true });
  return (
    <>
      <div className="live-head">
        <h1>Live</h1>
        <p className="muted" data-testid="clock">
          {newest ? `${stale ? "last known" : "now"} ${clock(newest.at)} UTC` : ""}
        </p>
      </div>
      <div className={stale ? "live stale" : "live"}>
        <VerdictPanel
          connection={connection}
          newest={newest}
          moments={moments}
          alerts={alerts.data?.alerts ?? []}
          choose={choose}
        />
        {newest && (
          <>
            <Flow hops={newest.hops} moments={moments} chosen={chosen?.name} choose={choose} />
            {chosen && <Details hop={chosen} newest={newest} close={() => choose(undefined)} />}
            <Suspense
              fallback={
                <div className="charts-to-come">
                  <Loading />
                </div>
              }
            >
              <Charts moments={moments} />
            </Suspense>
            <Sources sources={newest.sources} />
          </>
        )}
      </div>
    </>
  );
}
