/** Amounts beside each other, the greatest first: the number, and a bar of its share. */
import type { ReactNode } from "react";
import { count, percent } from "../../format";

export interface Bar {
  key: string;
  label: ReactNode;
  value: number;
  /** Of what it is a share. */
  of: number;
}

export function Bars({ caption, unit, rows }: { caption: string; unit: string; rows: Bar[] }) {
  const most = Math.max(1, ...rows.map((row) => row.value));
  return (
    <table className="bars">
      <caption className="hidden-text">{caption}</caption>
      <thead className="hidden-text">
        <tr>
          <th scope="col">What</th>
          <th scope="col">{unit}</th>
          <th scope="col">Share</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key}>
            <th scope="row">
              <span className="bar-label">{row.label}</span>
              <span className="bar" aria-hidden="true">
                <span style={{ width: `${(row.value / most) * 100}%` }} />
              </span>
            </th>
            <td className="number">{count(row.value)}</td>
            <td className="number muted">{row.of > 0 ? percent(row.value / row.of) : "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
