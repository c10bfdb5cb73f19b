/** For whoever is on call: what is broken, since when, what to do; and what the parts are doing. */
import { useRoute } from "wouter";
import { useAnswer } from "../../api/hooks";
import type { AlertList, Report } from "../../api/types";
import { AddressTabs } from "../../ui/address-tabs";
import { moment } from "../../format";
import { Alerts } from "./alerts";
import { Audit } from "./audit";
import { Health } from "./health";
import { Jobs } from "./jobs";
import { Storage } from "./storage";
import { Streams } from "./streams";
import { Verdict } from "./verdict";
import "./operations.css";

export default function OperationsView() {
  const [, parts] = useRoute("/operations/:tab?");
  const report = useAnswer<Report>("/health/report", { every: 10_000 });
  const alerts = useAnswer<AlertList>("/alerts?all=true", { every: 10_000 });
  const firing = alerts.data?.alerts.filter((alert) => alert.state === "firing").length ?? 0;
  return (
    <>
      <header className="operations-head">
        <h1>Operations</h1>
        <span className="muted">{report.data && `as of ${moment(report.data.at)} UTC`}</span>
        <a href="/health/report?format=html" target="_blank" rel="noreferrer">
          Report as one file
        </a>
      </header>
      <Verdict
        report={report}
        alerts={alerts.data}
        brief={parts?.tab !== undefined && parts.tab !== "health"}
      />
      <AddressTabs
        label="Parts of operations"
        base="/operations"
        shown={parts?.tab}
        tabs={[
          { id: "health", label: "Health", content: () => <Health report={report} /> },
          {
            id: "alerts",
            label: firing > 0 ? `Alerts (${firing})` : "Alerts",
            content: () => <Alerts alerts={alerts} />,
          },
          { id: "jobs", label: "Batch jobs", content: () => <Jobs report={report.data} /> },
          { id: "streams", label: "Streams", content: () => <Streams report={report.data} /> },
          { id: "storage", label: "Storage", content: () => <Storage report={report} /> },
          { id: "audit", label: "Audit", content: () => <Audit /> },
        ]}
      />
    </>
  );
}
