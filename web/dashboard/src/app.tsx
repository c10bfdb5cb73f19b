/** The frame around every view: navigation, health, theme, the key, and whether the API is there. */
import { lazy, Suspense, useEffect, useRef, type ComponentType } from "react";
import { Link, Route, Router, Switch, useLocation } from "wouter";
import { useAnswer } from "./api/hooks";
import { useLive } from "./api/live";
import type { AlertList, Schemas } from "./api/types";
import { useHash, useHashSearch } from "./location";
import { choose, useTheme } from "./theme";
import { KeyDialog } from "./ui/key-dialog";
import { ErrorBoundary, Loading } from "./ui/messages";
import { StatusPill } from "./ui/status";

interface View {
  path: string;
  /** Also shown at these. */
  below?: string;
  label: string;
  /** Left out of the navigation. */
  hidden?: boolean;
  component: ComponentType;
}

const VIEWS: View[] = [
  { path: "/", label: "Live", component: lazy(() => import("./views/live")) },
  { path: "/business", label: "Business", component: lazy(() => import("./views/business")) },
  { path: "/data", below: "/data/*?", label: "Data", component: lazy(() => import("./views/data")) },
  {
    path: "/lineage",
    below: "/lineage/*?",
    label: "Lineage",
    component: lazy(() => import("./views/lineage")),
  },
  {
    path: "/operations",
    below: "/operations/*?",
    label: "Operations",
    component: lazy(() => import("./views/operations")),
  },
  { path: "/sql", label: "SQL", component: lazy(() => import("./views/sql")) },
  { path: "/event", below: "/event/*?", label: "One event", component: lazy(() => import("./views/event")) },
];

function isAt(location: string, view: View): boolean {
  return location === view.path || (view.path !== "/" && location.startsWith(`${view.path}/`));
}

function Navigation() {
  const [location] = useLocation();
  return (
    <nav className="shell-nav" aria-label="Views">
      {VIEWS.map((view) => (
        <Link key={view.path} href={view.path} aria-current={isAt(location, view) ? "page" : undefined}>
          {view.label}
        </Link>
      ))}
    </nav>
  );
}

function HealthPill() {
  const health = useAnswer<Schemas["HealthWord"]>("/health", { every: 5_000 });
  const alerts = useAnswer<AlertList>("/alerts", { every: 10_000 });
  const firing = alerts.data?.alerts.filter((alert) => alert.state === "firing").length ?? 0;
  const word = health.data?.status ?? "unknown";
  return (
    <Link href="/operations" className="plain">
      <StatusPill
        status={
          word === "healthy"
            ? "ok"
            : word === "failed"
              ? "failing"
              : word === "degraded"
                ? "degraded"
                : "idle"
        }
      >
        {word}
        {firing > 0 && `, ${firing} ${firing === 1 ? "alert" : "alerts"}`}
      </StatusPill>
    </Link>
  );
}

function ThemeButton() {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button type="button" onClick={() => choose(other)} aria-label={`Use the ${other} theme`}>
      {theme === "dark" ? "☀" : "☾"}
    </button>
  );
}

function ConnectionBanner() {
  const { connection } = useLive();
  return (
    <div role="status">
      {connection === "lost" && (
        <p className="banner failing">
          The API does not answer. What is shown is the last that was known; the page asks again by itself.
        </p>
      )}
    </div>
  );
}

function Frame() {
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  const shown = VIEWS.find((view) => isAt(location, view));
  const first = useRef(true);
  useEffect(() => {
    document.title = shown ? `${shown.label} · Data platform` : "Data platform";
    // Who navigates by keyboard or screen reader goes on in the new view.
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [shown]);
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header className="shell-header">
        <Link href="/" className="brand">
          Data platform
        </Link>
        <Navigation />
        <div className="shell-tools">
          <HealthPill />
          <ThemeButton />
          <KeyDialog />
          <a href="/docs">API</a>
        </div>
      </header>
      <ConnectionBanner />
      <main id="main" ref={main} tabIndex={-1}>
        <ErrorBoundary key={shown?.path ?? ""}>
          <Suspense fallback={<Loading />}>
            <Switch>
              {VIEWS.map((view) => (
                <Route key={view.path} path={view.below ?? view.path} component={view.component} />
              ))}
              <Route>
                <p>
                  There is no such view. <Link href="/">Go to the live view</Link>.
                </p>
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </main>
    </>
  );
}

export function App() {
  return (
    <Router hook={useHash} searchHook={useHashSearch}>
      <Frame />
    </Router>
  );
}
