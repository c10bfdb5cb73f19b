/** Where the page is: all of it behind the `#`, statements in links too, so that none of it is sent or logged. */
import { useSyncExternalStore } from "react";
import { navigate as go } from "wouter/use-browser-location";

function held(): string {
  return location.hash.slice(1) || "/";
}

function subscribe(listener: () => void) {
  // `hashchange` for links and the back button, `popstate` for what the router itself moves.
  for (const event of ["hashchange", "popstate"]) addEventListener(event, listener);
  listeners.add(listener);
  return () => {
    for (const event of ["hashchange", "popstate"]) removeEventListener(event, listener);
    listeners.delete(listener);
  };
}

const listeners = new Set<() => void>();

export function navigate(to: string, options?: { replace?: boolean }) {
  go(`${location.pathname}#${to}`, options);
  listeners.forEach((listener) => listener());
}

/** For the router: path and how to move. */
export function useHash(): [string, typeof navigate] {
  return [useSyncExternalStore(subscribe, () => held().split("?", 1)[0] ?? "/"), navigate];
}
useHash.hrefs = (path: string) => `#${path}`;

/** For the router: what stands behind the `?`. */
export function useHashSearch(): string {
  return useSyncExternalStore(subscribe, () => held().split("?").slice(1).join("?"));
}
