/** Who the users are, and why they are counted so. */
import { useState } from "react";
import { useRows } from "../../api/hooks";
import { count, percent } from "../../format";
import { DataTable } from "../../ui/data-table";
import { Answer } from "../../ui/messages";
import { Panel } from "../../ui/panel";
import { Bars } from "./bars";
import { GOLD_MS, SEGMENTS, usersOf } from "./statements";

interface Segment {
  segment: string;
  users: number;
  engagement_score: number | null;
  churn_risk: number | null;
  recommended_action: string;
  as_of_date: string;
}

interface User {
  user_id: string;
  engagement_score: number | null;
  churn_risk: number | null;
  recommended_action: string;
  reasons: string[];
  last_seen_date: string | null;
}

const ACTIONS: Record<string, string> = {
  reward: "reward",
  upsell: "upsell",
  engage: "engage",
  win_back: "win back",
};

const action = (name: string) => ACTIONS[name] ?? name;

export function Segments() {
  const segments = useRows<Segment>(SEGMENTS, { every: GOLD_MS });
  const [chosen, setChosen] = useState<string>();
  const shown = chosen ?? segments.data?.rows[0]?.segment;
  return (
    <div className="grid segments">
      <Panel
        title="Segments"
        about="Users by how recent, how frequent and of what value they are, against all others."
        sql={SEGMENTS}
      >
        <Answer
          of={segments}
          isEmpty={(data) => data.rows.length === 0}
          empty="No user has a segment yet. The first come within minutes of the first events; the job user_segments makes them anew after midnight (UTC)."
        >
          {({ rows }) => {
            const all = rows.reduce((sum, row) => sum + row.users, 0);
            return (
              <>
                <Bars
                  caption="Users by segment"
                  unit="Users"
                  rows={rows.map((row) => ({
                    key: row.segment,
                    value: row.users,
                    of: all,
                    label: (
                      <button
                        type="button"
                        aria-pressed={row.segment === shown}
                        onClick={() => setChosen(row.segment)}
                      >
                        {row.segment}
                      </button>
                    ),
                  }))}
                />
                <DataTable
                  caption="Segments in numbers"
                  heads="segment"
                  rowKey={(row) => row.segment}
                  rows={rows}
                  columns={[
                    { key: "segment", value: (row) => row.segment },
                    {
                      key: "engagement",
                      label: "Engagement",
                      title: "Mean engagement score, 0 to 100",
                      numeric: true,
                      value: (row) => row.engagement_score,
                      show: (row) => count(row.engagement_score, 1),
                    },
                    {
                      key: "churn",
                      label: "Churn risk",
                      title: "Mean, 0 to 100 %",
                      numeric: true,
                      value: (row) => row.churn_risk,
                      show: (row) => percent(row.churn_risk),
                    },
                    {
                      key: "action",
                      label: "Most often",
                      title: "The action recommended most often",
                      value: (row) => row.recommended_action,
                      show: (row) => action(row.recommended_action),
                    },
                    { key: "as_of", label: "As of", value: (row) => row.as_of_date },
                  ]}
                />
              </>
            );
          }}
        </Answer>
      </Panel>
      {shown !== undefined && <Users segment={shown} />}
    </div>
  );
}

function Users({ segment }: { segment: string }) {
  const question = usersOf(segment);
  const users = useRows<User>(question, { every: GOLD_MS });
  return (
    <Panel
      title={`Users of ${segment}`}
      about="The 200 of the highest engagement score (recency 40, frequency 30, value 30), with the reasons."
      sql={question}
    >
      <Answer of={users} isEmpty={(data) => data.rows.length === 0} empty="Nobody is in this segment now.">
        {({ rows }) => (
          <DataTable
            caption={`Users of ${segment}`}
            heads="user"
            rowKey={(row) => row.user_id}
            rows={rows}
            columns={[
              { key: "user", value: (row) => row.user_id },
              {
                key: "engagement",
                label: "Engagement",
                numeric: true,
                value: (row) => row.engagement_score,
                show: (row) => count(row.engagement_score, 1),
              },
              {
                key: "churn",
                label: "Churn risk",
                numeric: true,
                value: (row) => row.churn_risk,
                show: (row) => percent(row.churn_risk),
              },
              {
                key: "action",
                label: "Action",
                value: (row) => row.recommended_action,
                show: (row) => action(row.recommended_action),
              },
              {
                key: "reasons",
                label: "Reasons",
                value: (row) => row.reasons.join("; "),
                show: (row) => row.reasons.join("; "),
              },
              { key: "seen", label: "Last seen", value: (row) => row.last_seen_date },
            ]}
          />
        )}
      </Answer>
    </Panel>
  );
}
