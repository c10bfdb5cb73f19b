/** Small screens begin with the list. */
export function shownAs(address: URLSearchParams): "graph" | "list" {
  const asked = address.get("as");
  if (asked === "graph" || asked === "list") return asked;
  return matchMedia("(max-width: 40rem)").matches ? "list" : "graph";
}
