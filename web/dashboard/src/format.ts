/** Numbers, sizes, ages and times as they are shown. Times are UTC. */
import type { Value } from "./api/types";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export const NONE = "–";

export function count(value: number | string | null | undefined, digits = 0): string {
  if (value === null || value === undefined) return NONE;
  if (typeof value === "string") return /^-?\d+$/.test(value) ? BigInt(value).toLocaleString("en") : value;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** Short: 12.3 k, 4.5 M. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
}

export function size(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return NONE;
  let unit = 0;
  let left = bytes;
  while (Math.abs(left) >= 1024 && unit < UNITS.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${left.toFixed(unit && left < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function percent(share: number | null | undefined, digits = 1): string {
  return share === null || share === undefined ? NONE : `${(share * 100).toFixed(digits)} %`;
}

/** `2026-11-28 03:23:35`, from RFC 3339 in UTC. */
export function moment(text: string | null | undefined): string {
  return text ? text.replace("T", " ").replace(/(\.\d+)?(Z|\+00:00)$/, "") : NONE;
}

export function clock(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().slice(11, 19);
}

export function ageOf(text: string, now = Date.now()): number {
  return Math.max(0, (now - Date.parse(text)) / 1000);
}

export function cell(value: Value): string {
  if (value === null) return "null";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whether a column of DuckDB's type holds numbers. */
export function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL.*)$/.test(type);
}
