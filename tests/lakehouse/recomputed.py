"""Silver and gold from bronze's rows in plain Python, by what DATASETS says of each table."""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

Row = dict[str, Any]
GAP = timedelta(minutes=30)
HOUR = timedelta(hours=1)
MICRO = timedelta(microseconds=1)


def bronze_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda r: (r["load_timestamp"], r["source_partition"], r["source_offset"]))


def refused_event(row: Row) -> bool:
    value = row["event_value"]
    return value is not None and (not math.isfinite(value) or (row["event_type"] == "purchase" and value < 0))


def once(rows: Iterable[Row], key: str, time: str) -> list[Row]:
    kept: dict[str, list[Row]] = defaultdict(list)
    for row in bronze_order(rows):
        if all(abs(other[time] - row[time]) > HOUR for other in kept[row[key]]):
            kept[row[key]].append(row)
    return [row for found in kept.values() for row in found]


def events(bronze: Iterable[Row]) -> list[Row]:
    return once((row for row in bronze if not refused_event(row)), "event_id", "event_timestamp")


def sessions(bronze: Iterable[Row]) -> list[Row]:
    by_user: dict[str, list[Row]] = defaultdict(list)
    seen: dict[tuple[str, str], datetime] = {}
    for click in bronze_order(bronze):
        first = seen.setdefault((click["user_id"], click["click_id"]), click["click_timestamp"])
        delivered = any(other["click_id"] == click["click_id"] for other in by_user[click["user_id"]])
        if not delivered or abs(click["click_timestamp"] - first) > GAP:
            by_user[click["user_id"]].append(click)
    found: list[Row] = []
    for user, clicks in by_user.items():
        clicks.sort(
            key=lambda c: (
                c["click_timestamp"],
                c["session_id"] is not None,
                (c["session_id"] or "").encode(),
                c["source_topic"],
                c["source_partition"],
                c["source_offset"],
            )
        )
        groups: list[list[Row]] = []
        for click in clicks:
            last = groups[-1][-1] if groups else None
            if (
                last is None
                or click["click_timestamp"] - last["click_timestamp"] > GAP
                or click["session_id"] != last["session_id"]
            ):
                groups.append([])
            groups[-1].append(click)
        found += [session(user, group) for group in groups]
    return found


def session(user: str, clicks: list[Row]) -> Row:
    first, last = clicks[0], clicks[-1]
    pages = [click["page_url"] for click in clicks if click["action"] == "page_view"]
    start, end = first["click_timestamp"], last["click_timestamp"]
    micros = (start - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // MICRO
    text = f"{micros}:{len(user)}:{user}"
    if first["session_id"] is not None:
        text += f":{first['session_id']}"
    return {
        "session_key": hashlib.md5(text.encode()).hexdigest(),
        "user_id": user,
        "session_id": first["session_id"],
        "session_start": start,
        "session_end": end,
        "session_duration_ms": (end - start) // timedelta(milliseconds=1),
        "page_sequence": pages[:1000],
        "page_count": len(pages),
        "click_count": len(clicks),
        "entry_page": first["page_url"],
        "exit_page": last["page_url"],
        "is_bounce": len(pages) == len(clicks) == 1,
        "referrer_url": first["referrer_url"],
        "device_type": first["device_type"],
        "session_date": start.date(),
    }


def is_error(row: Row) -> bool:
    return row["event_type"] == "error" or row["error_code"] is not None or (row["status_code"] or 0) >= 400


def activity(silver_events: list[Row], silver_sessions: list[Row]) -> list[Row]:
    days: dict[tuple[str, date], tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for row in silver_events:
        days[row["user_id"], row["event_timestamp"].date()][0].append(row)
    for row in silver_sessions:
        days[row["user_id"], row["session_date"]][1].append(row)
    result = []
    for (user, day), (done, visits) in days.items():
        starts = [r["event_timestamp"] for r in done] + [s["session_start"] for s in visits]
        ends = [r["event_timestamp"] for r in done] + [s["session_end"] for s in visits]
        values = [r["event_value"] for r in done if r["event_value"] is not None]
        result.append(
            {
                "user_id": user,
                "activity_date": day,
                "total_events": len(done),
                "total_sessions": len(visits),
                "bounced_sessions": sum(s["is_bounce"] for s in visits),
                "session_duration_ms": sum(s["session_duration_ms"] for s in visits),
                "event_value_sum": math.fsum(values) if values else None,
                "error_count": sum(map(is_error, done)),
                "first_event_at": min(starts),
                "last_event_at": max(ends),
            }
        )
    return result


PROFILE = ("email_sha256", "name", "country", "plan", "signup_timestamp", "is_active")


def users(days: list[Row], records: Iterable[Row]) -> list[Row]:
    found: dict[str, Row] = {}
    latest: dict[str, Row] = defaultdict(dict)
    for record in sorted(bronze_order(records), key=lambda r: r["updated_at"]):
        profile = latest[record["user_id"]]
        profile["updated_at"] = record["updated_at"]
        for name in PROFILE:
            if record[name] is not None:
                profile[name], profile[f"{name}_updated_at"] = record[name], record["updated_at"]
    for user in {row["user_id"] for row in days} | set(latest):
        own = [row for row in days if row["user_id"] == user]
        found[user] = {
            "user_id": user,
            "first_seen_date": min((row["activity_date"] for row in own), default=None),
            "last_seen_date": max((row["activity_date"] for row in own), default=None),
            "total_events": sum(row["total_events"] for row in own),
            "total_sessions": sum(row["total_sessions"] for row in own),
            "total_event_value": math.fsum(row["event_value_sum"] or 0.0 for row in own),
            "updated_at": latest[user].get("updated_at"),
            **{name: latest[user].get(name) for name in PROFILE},
            **{f"{name}_updated_at": latest[user].get(f"{name}_updated_at") for name in PROFILE},
        }
    return list(found.values())


def event_metrics(silver_events: list[Row]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in silver_events:
        at = row["event_timestamp"]
        groups[at.date(), at.hour, row["event_type"], row["app_type"]].append(row)
    result = []
    for (day, hour, event_type, app_type), rows in groups.items():
        values = [row["event_value"] for row in rows if row["event_value"] is not None]
        result.append(
            {
                "metric_date": day,
                "metric_hour": hour,
                "event_type": event_type,
                "app_type": app_type,
                "total_events": len(rows),
                "unique_users": len({row["user_id"] for row in rows}),
                "min_event_value": min(values, default=None),
                "max_event_value": max(values, default=None),
                "avg_event_value": math.fsum(values) / len(values) if values else None,
                "total_event_value": math.fsum(values) if values else None,
            }
        )
    return result


def quantile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def hourly_metrics(silver_events: list[Row], samples: list[Row], quarantined: list[Row]) -> list[Row]:
    hours: dict[tuple[date, int], tuple[list[Row], list[Row], list[Row]]] = defaultdict(lambda: ([], [], []))
    for index, (rows, time) in enumerate(
        ((silver_events, "event_timestamp"), (samples, "sampled_at"), (quarantined, "quarantined_at"))
    ):
        for row in rows:
            hours[row[time].date(), row[time].hour][index].append(row)
    worst = ["unknown", "healthy", "degraded", "unhealthy"]
    result = []
    for (day, hour), (done, told, refused) in hours.items():
        times = [row["response_time_ms"] for row in done if row["response_time_ms"] is not None]
        lags = [
            (row["ingest_timestamp"] - row["event_timestamp"]) / timedelta(milliseconds=1) for row in done
        ]
        codes = [(row["status_code"] or 0) // 100 for row in done]
        errors = sum(map(is_error, done))
        result.append(
            {
                "metric_date": day,
                "metric_hour": hour,
                "total_events": len(done),
                "avg_response_time_ms": math.fsum(times) / len(times) if times else None,
                "p50_response_time_ms": quantile(times, 0.5),
                "p95_response_time_ms": quantile(times, 0.95),
                "p99_response_time_ms": quantile(times, 0.99),
                "error_count": errors,
                "error_rate": errors / len(done) if done else None,
                **{f"status_{code}xx": codes.count(code) for code in (2, 3, 4, 5)},
                "ingest_lag_p95_ms": quantile(lags, 0.95),
                "late_events": sum(row["is_late"] for row in done),
                "dead_letters": sum(int(row["value"]) for row in told if row["metric"] == "dead_letters"),
                "quarantined_rows": len(refused),
                "health_status": max(
                    (row["status"] or "unknown" for row in told), key=worst.index, default="unknown"
                ),
            }
        )
    return result


def daily_summary(days: list[Row], today: date) -> list[Row]:
    by_date: dict[date, dict[str, Row]] = defaultdict(dict)
    for row in days:
        by_date[row["activity_date"]][row["user_id"]] = row
    result = []
    for day, present in by_date.items():
        before = {user for other, users_then in by_date.items() if other < day for user in users_then}
        total, visits = len(present), sum(row["total_sessions"] for row in present.values())
        values = [r["event_value_sum"] for r in present.values() if r["event_value_sum"] is not None]

        def again(after: int, day: date = day, present: dict[str, Row] = present) -> float | None:
            later = day + timedelta(days=after)
            if later >= today:
                return None
            return len(present.keys() & by_date.get(later, {}).keys()) / len(present)

        returning = len(present.keys() & before)
        result.append(
            {
                "summary_date": day,
                "total_users": total,
                "new_users": total - returning,
                "returning_users": returning,
                "return_user_percentage": 100 * returning / total,
                "total_sessions": visits,
                "bounce_rate": sum(r["bounced_sessions"] for r in present.values()) / visits
                if visits
                else None,
                "avg_session_duration_seconds": sum(r["session_duration_ms"] for r in present.values())
                / visits
                / 1000
                if visits
                else None,
                "total_events": sum(row["total_events"] for row in present.values()),
                "total_event_value": math.fsum(values) if values else None,
                "retention_d1": again(1),
                "retention_d7": again(7),
                "summary_year": day.year,
            }
        )
    return result


def segments(days: list[Row], today: date) -> list[Row]:
    own: dict[str, list[Row]] = defaultdict(list)
    for row in days:
        own[row["user_id"]].append(row)
    facts = {}
    for user, rows in own.items():
        dates = sorted(row["activity_date"] for row in rows)
        recent = [row for row in rows if (today - row["activity_date"]).days < 30]
        gaps = [(b - a).days for a, b in pairwise(dates)]
        facts[user] = (
            dates[-1],
            sum(row["total_events"] for row in recent),
            math.fsum(row["event_value_sum"] or 0.0 for row in recent),
            median(gaps) if gaps else 7.0,
        )
    ranked = {user: fact for user, fact in facts.items() if (today - fact[0]).days < 30}
    ordered = [sorted(fact[index] for fact in ranked.values()) for index in range(3)]
    result = []
    for user, (last, count, _, usual) in facts.items():
        since = (today - last).days
        score = 0.0
        if user in ranked:
            shares = [bisect_right(ordered[n], facts[user][n]) / len(ranked) for n in range(3)]
            score = 40 * shares[0] + 30 * shares[1] + 30 * shares[2]
        risk = since / (since + usual)
        segment = (
            "Inactive" if since >= 14 else "VIP" if score >= 80 else "Active" if score >= 50 else "Regular"
        )
        action = {"Inactive": "win_back", "VIP": "reward", "Active": "upsell", "Regular": "engage"}[segment]
        result.append(
            {
                "user_id": user,
                "segment": segment,
                "engagement_score": score,
                "churn_risk": risk,
                "recommended_action": "engage" if segment != "Inactive" and risk >= 0.5 else action,
                "reasons": [f"last seen {since} days ago", f"{count} events in 30 days"],
                "last_seen_date": last,
                "as_of_date": today,
            }
        )
    return result


def current(changes: Iterable[Row]) -> dict[tuple[Any, ...], Any]:
    """The captured tables as they are now: the row by (database, schema, table, key)."""
    tables: dict[tuple[Any, ...], Any] = {}
    ordered = sorted(changes, key=lambda c: (c["sequence"], not c["is_snapshot"], c["source_offset"]))
    for change in ordered:
        place = (change["database"], change["schema"], change["table"])
        if change["operation"] == "TRUNCATE":
            tables = {key: row for key, row in tables.items() if key[:3] != place}
            continue
        key = (*place, change["key"])
        if change["operation"] == "DELETE":
            tables.pop(key, None)
            continue
        row = json.loads(change["after"])
        for name in change["unavailable_columns"] or ():
            if name in tables.get(key, {}):
                row[name] = tables[key][name]
        tables[key] = row
    return tables
