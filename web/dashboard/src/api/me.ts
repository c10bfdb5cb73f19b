/** Who asks, and what they may do. */
import { useAnswer } from "./hooks";

export interface Me {
  name: string;
  scope: "read" | "query" | "admin";
  /** Whether the API asks for keys. */
  keys: boolean;
}

export function useMe() {
  return useAnswer<Me>("/me", { every: 60_000 });
}

/** Undefined: not known yet. */
export function useIsAdmin(): boolean | undefined {
  const me = useMe();
  return me.data ? me.data.scope === "admin" : me.error ? false : undefined;
}
