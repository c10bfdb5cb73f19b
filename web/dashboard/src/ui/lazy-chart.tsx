/** A chart in a view that mostly does without: the library comes when it is shown. */
import { lazy, Suspense, type ComponentProps } from "react";
import type { Chart } from "./chart";
import { Loading } from "./messages";

const Loaded = lazy(() => import("./chart").then((module) => ({ default: module.Chart })));

export function LazyChart(props: ComponentProps<typeof Chart>) {
  return (
    <Suspense fallback={<Loading />}>
      <Loaded {...props} />
    </Suspense>
  );
}
