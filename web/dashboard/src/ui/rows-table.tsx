import { useMemo } from "react";
import { cell, isNumeric } from "../format";
import type { QueryAnswer, Value } from "../api/types";
import { DataTable, type ColumnOf } from "./data-table";

/** The rows of an answer of SQL. */
export function RowsTable({ caption, answer }: { caption: string; answer: QueryAnswer }) {
  const columns = useMemo(
    () =>
      answer.columns.map((column, i): ColumnOf<Value[]> => ({
        key: `${i}`,
        label: column.name,
        title: column.type,
        numeric: isNumeric(column.type),
        value: (row) => row[i] ?? null,
        ...(isNumeric(column.type) ? { show: (row: Value[]) => cell(row[i] ?? null) } : {}),
      })),
    [answer],
  );
  return (
    <div className="rows-table">
      <DataTable caption={caption} columns={columns} rows={answer.rows as Value[][]} rowKey={(_, i) => i} />
    </div>
  );
}
