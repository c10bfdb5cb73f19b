/** Light or dark: as the system is, until somebody chooses. */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";

const KEY = "dp.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function current(): Theme {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

function apply() {
  document.documentElement.dataset.theme = current();
  listeners.forEach((listener) => listener());
}

system.addEventListener("change", apply);
apply();

export function choose(theme: Theme) {
  localStorage.setItem(KEY, theme);
  apply();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, current);
}

/** The colours of charts and graphs, from the style sheet's variables of the theme in force. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read("--text"),
    muted: read("--muted"),
    line: read("--line"),
    surface: read("--surface"),
    ok: read("--ok"),
    degraded: read("--degraded"),
    failing: read("--failing"),
    series: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => read(`--series-${i}`)),
  };
}
