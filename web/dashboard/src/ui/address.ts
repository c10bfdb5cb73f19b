/** What a view keeps behind the `?` of its address, so that a link brings it back. */
import { useLocation } from "wouter";
import { navigate, useHashSearch } from "../location";

/** What is empty goes out of the address. Changes replace its last entry in the history. */
export function useAddress(): [URLSearchParams, (change: Record<string, string | undefined>) => void] {
  const [path] = useLocation();
  const search = useHashSearch();
  const set = (change: Record<string, string | undefined>) => {
    const held = new URLSearchParams(search);
    for (const [name, value] of Object.entries(change)) {
      if (value) held.set(name, value);
      else held.delete(name);
    }
    navigate(held.size > 0 ? `${path}?${held}` : path, { replace: true });
  };
  return [new URLSearchParams(search), set];
}
