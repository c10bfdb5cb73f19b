/** Quality of a table: its rules, what the newest check said of each, and the score over time. */
import { useMemo } from "react";
import { useAnswer } from "../../api/hooks";
import type { Schemas, TableDetail } from "../../api/types";
import { count, moment, percent } from "../../format";
import { LazyChart } from "../../ui/lazy-chart";
import { DataTable } from "../../ui/data-table";
import { Answer, Empty } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { StatusPill } from "../../ui/status";

type Check = Schemas["TableQuality"];
type Result = Schemas["Result"];

const CHECKS = 100;

const SEVERITIES: Record<Result["severity"], string> = {
  flag: "flag: it is noted",
  quarantine: "quarantine: the row is kept out",
  fail: "fail: nothing of the commit is written",
};

export function Quality({ table }: { table: TableDetail }) {
  const trend = useAnswer<Check[]>(`/quality/${encodeURIComponent(table.name)}?limit=${CHECKS}`, {
    every: 60_000,
  });
  return (
    <Answer of={trend}>
      {(checks) => (
        <>
          {checks.length === 0 && (
            <Empty>
              <p>Not checked yet. Checks run by themselves; to check it now:</p>
              <code>dp lakehouse check {table.name}</code>
            </Empty>
          )}
          {checks.length > 0 && <Trend checks={checks} />}
          <Rules table={table} newest={checks[0]} />
        </>
      )}
    </Answer>
  );
}

function Trend({ checks }: { checks: Check[] }) {
  const { places, series } = useMemo(() => {
    const oldestFirst = checks.toReversed();
    return {
      places: oldestFirst.map((check) => Date.parse(check.checked_at)),
      series: [{ name: "Score", values: oldestFirst.map((check) => check.score * 100) }],
    };
  }, [checks]);
  const newest = checks[0];
  return (
    <Panel
      title="Score over time"
      about={
        newest &&
        `${percent(newest.score)} at ${moment(newest.checked_at)} UTC: ${newest.passed} of ${newest.rules} rules hold, weighted flag 1, quarantine 3, fail 5.`
      }
    >
      <LazyChart label="Quality score (UTC)" places={places} series={series} unit="%" small />
    </Panel>
  );
}

function Rules({ table, newest }: { table: TableDetail; newest: Check | undefined }) {
  const results = new Map(newest?.results.map((result) => [result.rule, result]));
  const declared = new Map(table.rules.map((rule) => [rule.name, rule]));
  const rows = [...new Set([...declared.keys(), ...results.keys()])]
    .map((name) => ({ name, rule: declared.get(name), result: results.get(name) }))
    // What does not hold stands first.
    .sort((a, b) => Number(a.result?.passed ?? true) - Number(b.result?.passed ?? true));
  return (
    <Panel title="Rules" about={newest && `Results of the check at ${moment(newest.checked_at)} UTC.`}>
      {rows.length === 0 ? (
        <Empty>No rules are declared for this table.</Empty>
      ) : (
        <DataTable
          caption={`Rules of ${table.name}`}
          heads="rule"
          whole
          rows={rows}
          rowKey={(row) => row.name}
          columns={[
            { key: "rule", label: "Rule", value: (row) => row.name },
            {
              key: "result",
              label: "Result",
              value: (row) => (row.result ? (row.result.passed ? "holds" : "fails") : null),
              show: ({ result }) =>
                !result ? (
                  <StatusPill status="idle">not checked</StatusPill>
                ) : result.passed ? (
                  <StatusPill status="ok">holds</StatusPill>
                ) : (
                  <StatusPill status={result.severity === "fail" ? "failing" : "degraded"}>fails</StatusPill>
                ),
            },
            {
              key: "failed",
              label: "Rows failed",
              numeric: true,
              value: (row) => row.result?.rows_failed ?? null,
              show: (row) => count(row.result?.rows_failed),
            },
            {
              key: "checked",
              label: "Rows checked",
              numeric: true,
              value: (row) => row.result?.rows_checked ?? null,
              show: (row) => count(row.result?.rows_checked),
            },
            {
              key: "severity",
              label: "Severity",
              value: (row) => row.rule?.severity ?? row.result?.severity ?? null,
              show: (row) => {
                const severity = row.rule?.severity ?? row.result?.severity;
                return severity && <span title={SEVERITIES[severity]}>{severity}</span>;
              },
            },
            {
              key: "about",
              label: "What it says",
              value: (row) => row.rule?.description ?? "",
              show: (row) => (
                <>
                  {row.rule?.description}
                  {row.result?.message && <div className="wrong">{row.result.message}</div>}
                  {row.rule?.fails_when && (
                    <div className="muted">
                      fails when <code>{row.rule.fails_when}</code>
                    </div>
                  )}
                </>
              ),
            },
          ]}
        />
      )}
    </Panel>
  );
}
