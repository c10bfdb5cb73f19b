import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { ask, type Problem } from "../../api/client";
import { useIsAdmin } from "../../api/me";
import type { Schemas } from "../../api/types";
import { moment } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Empty } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { RULES } from "../../ui/runbooks";

type Silence = Schemas["Silence"];

const TIMES: [number, string][] = [
  [900, "15 minutes"],
  [3_600, "1 hour"],
  [14_400, "4 hours"],
  [86_400, "1 day"],
  [604_800, "1 week"],
];

function useSilencing<A>(call: (what: A) => Promise<unknown>, after?: () => void) {
  const queries = useQueryClient();
  return useMutation<unknown, Problem, A>({
    mutationFn: call,
    onSuccess: () => {
      for (const path of ["/alerts", "/alerts?all=true"]) {
        void queries.invalidateQueries({ queryKey: ["get", path] });
      }
      after?.();
    },
  });
}

export function SilenceForm({ rule: givenRule, subject: givenSubject }: { rule: string; subject: string }) {
  const admin = useIsAdmin();
  const [rule, setRule] = useState(givenRule);
  const [subject, setSubject] = useState(givenSubject || "*");
  const [seconds, setSeconds] = useState(3_600);
  const [reason, setReason] = useState("");
  const reasonBox = useRef<HTMLInputElement>(null);
  const add = useSilencing<Schemas["SilenceBody"]>(
    (body) => ask("/alerts/silences", { method: "POST", body }),
    () => setReason(""),
  );
  useEffect(() => {
    // An alert was chosen: what is left to say is why.
    if (givenRule) reasonBox.current?.focus();
  }, [givenRule]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate({ rule: rule.trim(), subject: subject.trim() || "*", seconds, reason: reason.trim() });
  };
  return (
    <Panel
      title="Silence alerts"
      about="Nobody is told of what it matches while it holds; alerts are found and listed all the same. Rule and subject may have wildcards: table_*."
    >
      {admin === false ? (
        <Empty>This needs a key of the scope admin.</Empty>
      ) : (
        <form className="silence-form" onSubmit={submit}>
          <label className="field">
            Rule
            <input
              required
              list="alert-rules"
              value={rule}
              onChange={(event) => setRule(event.target.value)}
            />
          </label>
          <datalist id="alert-rules">
            {RULES.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
          <label className="field">
            Subject
            <input value={subject} onChange={(event) => setSubject(event.target.value)} />
          </label>
          <label className="field">
            For
            <select value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
              {TIMES.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <label className="field grow">
            Reason, for the others
            <input
              ref={reasonBox}
              required
              value={reason}
              onChange={(event) => setReason(event.target.value)}
            />
          </label>
          <button type="submit" className="primary" disabled={add.isPending}>
            Silence
          </button>
        </form>
      )}
      {add.error && (
        <p className="message failing" role="alert">
          Not silenced: {add.error.message}
        </p>
      )}
      <div role="status">{add.isSuccess && <span className="muted">Silenced.</span>}</div>
    </Panel>
  );
}

export function Silences({ silences }: { silences: Silence[] }) {
  const admin = useIsAdmin();
  const end = useSilencing<string>((id) =>
    ask(`/alerts/silences/${encodeURIComponent(id)}`, { method: "DELETE" }),
  );
  return (
    <Panel title="Silences">
      {silences.length === 0 ? (
        <Empty>Nothing is silenced.</Empty>
      ) : (
        <DataTable
          caption="Silences"
          rows={silences}
          rowKey={(row) => row.id}
          columns={[
            { key: "rule", label: "Rule", value: (row) => row.rule },
            { key: "subject", label: "Subject", value: (row) => row.subject },
            {
              key: "until",
              label: "Until (UTC)",
              value: (row) => row.until,
              show: (row) => <span className="nowrap">{moment(row.until)}</span>,
            },
            { key: "reason", label: "Reason", value: (row) => row.reason },
            { key: "by", label: "By", value: (row) => row.by },
            ...(admin
              ? [
                  {
                    key: "end",
                    label: "End",
                    value: (row: Silence) => row.id,
                    show: (row: Silence) => (
                      <button
                        type="button"
                        aria-label={`End the silence of ${row.rule}, ${row.subject}`}
                        disabled={end.isPending}
                        onClick={() => end.mutate(row.id)}
                      >
                        End it
                      </button>
                    ),
                  },
                ]
              : []),
          ]}
        />
      )}
      {end.error && (
        <p className="message failing" role="alert">
          Not ended: {end.error.message}
        </p>
      )}
    </Panel>
  );
}
