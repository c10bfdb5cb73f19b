/** The way from producers to gold: a hop each, in a row or, where it is narrow, below each other. */
import { memo } from "react";
import type { Moment } from "../../api/types";
import { count, duration } from "../../format";
import { MARKS } from "../../ui/status";
import { Sparkline } from "./sparkline";
import { waiting, type Hop } from "./words";

interface Props {
  hops: Hop[];
  moments: readonly Moment[];
  chosen: string | undefined;
  choose: (name: string | undefined) => void;
}

export const DETAILS = "hop-details";

export const Flow = memo(function Flow({ hops, moments, chosen, choose }: Props) {
  return (
    <section className="panel" aria-labelledby="flow-title">
      <header>
        <h2 id="flow-title">From source to gold</h2>
        <p className="about">Choose a hop for its details.</p>
      </header>
      <ol className="flow">
        {hops.map((hop) => (
          <li key={hop.name}>
            <button
              type="button"
              className={`hop ${hop.status}`}
              aria-expanded={chosen === hop.name}
              aria-controls={chosen === hop.name ? DETAILS : undefined}
              onClick={() => choose(chosen === hop.name ? undefined : hop.name)}
            >
              <span className="hop-head">
                <span className="hop-label">{hop.label}</span>
                <span className={`hop-status ${hop.status}`}>
                  <span aria-hidden="true">{MARKS[hop.status]}</span> {hop.status}
                </span>
              </span>
              <span className="hop-rate">
                <span>
                  <span className="number">
                    {count(hop.events_per_second, hop.events_per_second < 10 ? 1 : 0)}
                  </span>
                  <span className="unit"> /s</span>
                </span>
                <Sparkline values={history(moments, hop.name)} />
              </span>
              <span className="hop-facts">
                <span title="What waits before it">{waiting(hop)}</span>
                <span title="Age of the newest event that has passed">
                  {hop.freshness_seconds === null ? "age –" : `${duration(hop.freshness_seconds)} old`}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
});

function history(moments: readonly Moment[], hop: string): (number | null)[] {
  return moments.map((one) => one.hops.find((at) => at.name === hop)?.events_per_second ?? null);
}
