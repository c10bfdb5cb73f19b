/** A table that sorts by its columns' heads and draws only the rows that are seen. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState, type ReactNode } from "react";
import { cell } from "../format";
import type { Value } from "../api/types";

export interface ColumnOf<T> {
  key: string;
  label?: string;
  /** Right-aligned. */
  numeric?: boolean;
  title?: string;
  /** What it sorts by, and shows without ``show``. */
  value: (row: T) => Value;
  show?: (row: T) => ReactNode;
}

interface Props<T> {
  /** What the table is, for those who do not see it. */
  caption: string;
  columns: ColumnOf<T>[];
  rows: T[];
  rowKey: (row: T, index: number) => string | number;
  /** This column's cells name their rows. */
  heads?: string;
  /** As high as its rows. */
  whole?: boolean;
}

const ROW_PX = 32;
const ALL_ROWS = 100;

type Order = { key: string; descending: boolean } | undefined;

export function DataTable<T>({ caption, columns, rows, rowKey, heads, whole }: Props<T>) {
  const [order, setOrder] = useState<Order>();
  const box = useRef<HTMLDivElement>(null);
  const sorted = useMemo(() => sort(rows, columns, order), [rows, columns, order]);
  const many = sorted.length > ALL_ROWS;
  const kind = whole && !many ? "scroll whole" : "scroll";
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing here is memoized over it
  const virtual = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 20,
    enabled: many,
  });
  const items = many ? virtual.getVirtualItems() : undefined;
  const before = items?.[0]?.start ?? 0;
  const after = items ? virtual.getTotalSize() - (items.at(-1)?.end ?? 0) : 0;
  const seen = items ? items.map((item) => item.index) : Array.from(sorted.keys());
  return (
    // The box scrolls, so the keyboard has to reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={kind} ref={box} tabIndex={0} role="region" aria-label={`${caption}: table`}>
      <table aria-rowcount={many ? sorted.length + 1 : undefined}>
        <caption className="hidden-text">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                className={column.numeric ? "number" : ""}
                title={column.title}
                aria-sort={
                  order?.key !== column.key ? undefined : order.descending ? "descending" : "ascending"
                }
              >
                <button type="button" onClick={() => setOrder(next(order, column.key))}>
                  {column.label ?? column.key}
                  {order?.key === column.key && (
                    <span aria-hidden="true">{order.descending ? "▾" : "▴"}</span>
                  )}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <Gap pixels={before} columns={columns.length} />}
          {seen.map((index) => {
            const row = sorted[index] as T;
            return (
              <tr key={rowKey(row, index)} aria-rowindex={many ? index + 2 : undefined}>
                {columns.map((column) => (
                  <Cell key={column.key} column={column} row={row} isHead={column.key === heads} />
                ))}
              </tr>
            );
          })}
          {after > 0 && <Gap pixels={after} columns={columns.length} />}
        </tbody>
      </table>
    </div>
  );
}

function Gap({ pixels, columns }: { pixels: number; columns: number }) {
  return (
    <tr aria-hidden="true">
      <td colSpan={columns} style={{ height: pixels, padding: 0 }} />
    </tr>
  );
}

function Cell<T>({ column, row, isHead }: { column: ColumnOf<T>; row: T; isHead: boolean }) {
  const value = column.value(row);
  const text = cell(value);
  const content = column.show ? column.show(row) : text.length > 200 ? `${text.slice(0, 200)}…` : text;
  if (isHead) return <th scope="row">{content}</th>;
  const kind = column.numeric ? "number" : value === null && !column.show ? "null" : "";
  return (
    <td className={kind} title={!column.show && text.length > 40 ? text : undefined}>
      {content}
    </td>
  );
}

function next(order: Order, key: string): Order {
  if (order?.key !== key) return { key, descending: false };
  return order.descending ? undefined : { key, descending: true };
}

function sort<T>(rows: T[], columns: ColumnOf<T>[], order: Order): T[] {
  const column = columns.find((one) => one.key === order?.key);
  if (!order || !column) return rows;
  const sign = order.descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    // Nulls stand last either way.
    if (x === null || y === null) return (x === null ? 1 : 0) - (y === null ? 1 : 0);
    if (typeof x === "number" && typeof y === "number") return sign * (x - y);
    return sign * cell(x).localeCompare(cell(y), "en", { numeric: true });
  });
}
