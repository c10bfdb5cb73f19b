/** Which hours the charts below show. */
import { useId } from "react";
import { CHOICES, MOST_DAYS, type Choice, type useRange } from "./range";

const LABELS: Record<Choice, string> = { "24h": "24 hours", "7d": "7 days", "30d": "30 days" };

export function RangePicker({ choice, dates, range, choose, chooseDates }: ReturnType<typeof useRange>) {
  const [first, last] = [useId(), useId()];
  return (
    <section className="range" aria-label="Range of the charts below">
      <div className="row" role="group" aria-label="Range">
        {(Object.keys(CHOICES) as Choice[]).map((one) => (
          <button key={one} type="button" aria-pressed={choice === one} onClick={() => choose(one)}>
            {LABELS[one]}
          </button>
        ))}
      </div>
      <div className="row">
        <label htmlFor={first}>From</label>
        <input
          id={first}
          type="date"
          value={dates.first || range?.first || ""}
          onChange={(event) => chooseDates(event.target.value, dates.last || range?.last || "")}
        />
        <label htmlFor={last}>to</label>
        <input
          id={last}
          type="date"
          value={dates.last || range?.last || ""}
          onChange={(event) => chooseDates(dates.first || range?.first || "", event.target.value)}
        />
        <span className="muted">UTC, at most {MOST_DAYS} days</span>
      </div>
    </section>
  );
}
