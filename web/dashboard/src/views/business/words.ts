/** The view's first sentence, made of its numbers. */
import { count, percent } from "../../format";

export interface Day {
  summary_date: string;
  total_users: number;
  new_users: number;
  returning_users: number;
  total_sessions: number;
  bounce_rate: number | null;
  avg_session_duration_seconds: number | null;
  total_events: number;
  total_event_value: number | null;
  retention_d1: number | null;
  retention_d7: number | null;
}

export interface SameHours {
  metric_date: string;
  events: number;
  first_hour: number;
}

/** What there is to say of the newest day. */
export function headline(days: Day[], same: SameHours[] | undefined, today: string, hour: number): string {
  const newest = days[0];
  if (!newest) return "No day has been summed up yet.";
  const amount = `${amountOf(newest.total_events)} events from ${count(newest.total_users)} users`;
  const rest = `${count(newest.total_sessions)} sessions${bounced(newest)}${spent(newest)}.`;
  if (newest.summary_date !== today)
    return `On ${newest.summary_date}, the newest day there is: ${amount}; ${rest}`;
  return `Today so far: ${amount}${comparison(same, today, hour)}; ${rest}`;
}

function comparison(same: SameHours[] | undefined, today: string, hour: number): string {
  const now = same?.find((row) => row.metric_date === today);
  const before = same?.find((row) => row.metric_date !== today);
  // A day that begins later in one of the two has fewer hours, not fewer events.
  if (!now || !before || before.events === 0 || now.first_hour !== before.first_hour) return "";
  const change = now.events / before.events - 1;
  const until = `until ${String(hour).padStart(2, "0")}:00 UTC`;
  if (Math.abs(change) < 0.005) return `, ${until} as many as yesterday`;
  return `, ${until} ${percent(Math.abs(change), 0)} ${change > 0 ? "more" : "fewer"} than yesterday`;
}

function bounced(day: Day): string {
  return day.bounce_rate === null ? "" : `, ${percent(day.bounce_rate, 0)} of them bounces`;
}

function spent(day: Day): string {
  return day.total_event_value === null ? "" : `; ${count(day.total_event_value)} spent`;
}

function amountOf(events: number): string {
  if (events < 10_000) return count(events);
  return events < 1_000_000 ? `${count(events / 1000)} k` : `${count(events / 1_000_000, 1)} M`;
}

/** `+3.2 %` against the day before; undefined where there is nothing to compare with. */
export function change(now: number | null, before: number | null | undefined): string | undefined {
  if (now === null || before == null || before === 0) return undefined;
  const share = now / before - 1;
  return `${share >= 0 ? "+" : "−"}${percent(Math.abs(share))}`;
}

/** Of shares: `+1.2 points`. */
export function points(now: number | null, before: number | null | undefined): string | undefined {
  if (now === null || before == null) return undefined;
  const difference = (now - before) * 100;
  return `${difference >= 0 ? "+" : "−"}${Math.abs(difference).toFixed(1)} points`;
}
