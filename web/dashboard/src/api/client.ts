/** Requests to the API that serves this page: the key, JSON that keeps every digit, errors as problems. */
import type { QueryAnswer, Schemas, Value } from "./types";

const KEY = "dp.api-key";

type Place = Schemas["Position"];

/** What the API answered instead of what was asked for (RFC 9457), or that nobody answered (`code` unreachable). */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  /** Of a statement: where it is wrong. The offset counts characters, not UTF-16 units. */
  readonly position: Place | undefined;
  readonly suggestions: string[];
  /** The request's id, under which the log has it. */
  readonly instance: string | undefined;

  constructor(told: {
    code: string;
    status: number;
    detail: string;
    position?: Place | null;
    suggestions?: string[] | null;
    instance?: string;
  }) {
    super(told.detail);
    this.name = "Problem";
    this.code = told.code;
    this.status = told.status;
    this.position = told.position ?? undefined;
    this.suggestions = told.suggestions ?? [];
    this.instance = told.instance;
  }
}

type Listener = () => void;
const listeners = new Set<Listener>();

/** The key of this browser tab. It is kept nowhere else, and goes with the tab. */
export const key = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set(value: string | null) {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
    listeners.forEach((listener) => listener());
  },
  subscribe(listener: Listener) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

export function headers(more: Record<string, string> = {}): Record<string, string> {
  const held = key.get();
  return held ? { ...more, Authorization: `Bearer ${held}` } : more;
}

interface Source {
  source?: string;
}

function exact(_: string, value: unknown, context?: Source): unknown {
  const source = context?.source;
  const lossy = typeof value === "number" && source !== undefined && !Number.isSafeInteger(value);
  return lossy && /^-?\d+$/.test(source) ? source : value;
}

export function parse(text: string): unknown {
  return (JSON.parse as (text: string, reviver: typeof exact) => unknown)(text, exact);
}

export interface Options {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  body?: unknown;
  accept?: string;
  signal?: AbortSignal;
}

/** The response, if it is one of success. Raises Problem. */
export async function request(path: string, options: Options = {}): Promise<Response> {
  const { method = "GET", body, accept = "application/json", signal } = options;
  const sent = headers({ Accept: accept });
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ code: "unreachable", status: 0, detail: "The API does not answer." });
  }
  if (response.ok) return response;
  throw await problem(response);
}

async function problem(response: Response): Promise<Problem> {
  const fallback = { code: "http", status: response.status, detail: `The API answered ${response.status}.` };
  const text = await response.text();
  try {
    return new Problem({ ...fallback, ...(parse(text) as object) });
  } catch {
    return new Problem(fallback);
  }
}

/** A JSON answer. */
export async function ask<T>(path: string, options: Options = {}): Promise<T> {
  return parse(await (await request(path, options)).text()) as T;
}

export interface Question {
  sql: string;
  parameters?: Value[] | Record<string, Value>;
  limit?: number;
  as_of?: string;
}

/** Rows of a statement. Aborting ``signal`` cancels it on the server too. */
export function query(question: Question, signal?: AbortSignal): Promise<QueryAnswer> {
  return ask<QueryAnswer>("/query", { method: "POST", body: question, ...(signal ? { signal } : {}) });
}

/** An answer's rows as objects by column. */
export function records<T = Record<string, Value>>(answer: QueryAnswer): T[] {
  return answer.rows.map((row) =>
    Object.fromEntries(answer.columns.map((column, i) => [column.name, (row as Value[])[i] ?? null])),
  ) as T[];
}
