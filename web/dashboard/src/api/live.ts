/** The stream of moments (`GET /events`): one connection for the page, however many look at it. */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { useSyncExternalStore } from "react";
import { key, parse, request } from "./client";
import type { Moment } from "./types";

/** Moments that are kept, one a second: what the live charts show. */
const KEPT = 300;
const SILENCE_MS = 5_000;
const RETRY_MS = 2_000;

export type Connection = "connecting" | "live" | "lost" | "refused";

export interface LiveState {
  connection: Connection;
  newest: Moment | undefined;
  /** The oldest first. */
  moments: readonly Moment[];
}

let state: LiveState = { connection: "connecting", newest: undefined, moments: [] };
const listeners = new Set<() => void>();
let running: AbortController | undefined;

function become(change: Partial<LiveState>) {
  state = { ...state, ...change };
  listeners.forEach((listener) => listener());
}

async function follow(signal: AbortSignal) {
  while (!signal.aborted) {
    try {
      await connection(signal);
    } catch (error) {
      if (signal.aborted) return;
      const code = (error as { status?: number }).status;
      become({ connection: code === 401 || code === 403 ? "refused" : "lost" });
      if (state.connection === "refused") return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Returns or raises when the stream ends, also when it falls silent: a stopped server closes nothing. */
async function connection(outer: AbortSignal) {
  const silent = new AbortController();
  const signal = AbortSignal.any([outer, silent.signal]);
  let watchdog = setTimeout(() => silent.abort(), SILENCE_MS);
  try {
    const response = await request("/events", { accept: "text/event-stream", signal });
    if (!response.body) return;
    const events = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    const reader = events.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const event = next.value;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silent.abort(), SILENCE_MS);
      if (event.event !== "moment") continue;
      const newest = parse(event.data) as Moment;
      become({ connection: "live", newest, moments: [...state.moments, newest].slice(-KEPT) });
    }
    throw new Error("the stream ended");
  } finally {
    clearTimeout(watchdog);
  }
}

function restart() {
  running?.abort();
  running = new AbortController();
  become({ connection: "connecting" });
  void follow(running.signal);
}

key.subscribe(() => {
  if (running) restart();
});

function subscribe(listener: () => void) {
  listeners.add(listener);
  if (!running) restart();
  return () => {
    listeners.delete(listener);
    // A route change unsubscribes and subscribes within one tick.
    setTimeout(() => {
      if (listeners.size === 0) {
        running?.abort();
        running = undefined;
      }
    });
  };
}

export function useLive(): LiveState {
  return useSyncExternalStore(subscribe, () => state);
}
