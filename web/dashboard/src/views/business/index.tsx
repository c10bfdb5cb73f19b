/** The business view: how the day goes, who the users are, what they do, how well they are served. */
import { useRows } from "../../api/hooks";
import { Empty } from "../../ui/messages";
import "./business.css";
import { Daily } from "./daily";
import { Events } from "./events";
import { ExternalData } from "./external";
import { dateOf, useHour, useRange } from "./range";
import { RangePicker } from "./range-picker";
import { WhenSeen } from "./seen";
import { Segments } from "./segments";
import { Service } from "./service";
import { Sessions } from "./sessions";
import { GOLD_MS, days, sameHours } from "./statements";
import { headline, type Day, type SameHours } from "./words";

const DAY = 86_400_000;

export default function Business() {
  const now = useHour();
  const today = dateOf(now);
  const hour = new Date(now).getUTCHours();
  const summary = useRows<Day>(days(today), { every: GOLD_MS });
  const same = useRows<SameHours>(sameHours(today, dateOf(now - DAY), hour), { every: GOLD_MS });
  const chosen = useRange(now);
  return (
    <>
      <h1>Business</h1>
      {summary.data && (
        <p className="headline" data-testid="headline">
          {headline(summary.data.rows, same.data?.rows, today, hour)}
        </p>
      )}
      <Daily summary={summary} question={days(today)} today={today} />
      <RangePicker {...chosen} />
      {chosen.range ? (
        <>
          <Events range={chosen.range} />
          <Service range={chosen.range} />
          <WhenSeen>
            <Sessions range={chosen.range} />
          </WhenSeen>
        </>
      ) : (
        <Empty>Choose a first and a last day, at most 31 days apart.</Empty>
      )}
      <WhenSeen>
        <Segments />
      </WhenSeen>
      <WhenSeen>
        <ExternalData today={today} />
      </WhenSeen>
    </>
  );
}
