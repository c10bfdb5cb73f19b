/** Statements to begin with, made from what the catalog says of a table. */
import type { Question } from "../../api/client";
import type { TableDetail } from "../../api/types";

export interface Shown {
  columns: string[];
  where: string;
  order: string;
  asOf: string;
  limit: number;
}

export function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** The statement that a preview amounts to. */
export function previewStatement(table: string, shown: Shown): Question {
  const columns = shown.columns.map(quoted).join(", ") || "*";
  const order = shown.order
    ? `\nORDER BY ${shown.order.startsWith("-") ? `${quoted(shown.order.slice(1))} DESC` : quoted(shown.order)}`
    : "";
  // A comment at its end must not swallow the bracket.
  const where = shown.where ? `\nWHERE (${shown.where}\n)` : "";
  const sql = `SELECT ${columns}\nFROM ${quoted(table)}${where}${order}\nLIMIT ${shown.limit}`;
  return shown.asOf ? { sql, as_of: shown.asOf } : { sql };
}

export interface Example {
  title: string;
  question: Question;
}

export function examples(table: TableDetail): Example[] {
  const name = quoted(table.name);
  const made: Example[] = [
    { title: "How many rows", question: { sql: `SELECT count(*) AS rows\nFROM ${name}` } },
  ];
  if (table.time) {
    const time = quoted(table.time);
    made.unshift({
      title: "The newest rows",
      question: { sql: `SELECT *\nFROM ${name}\nORDER BY ${time} DESC\nLIMIT 100` },
    });
    made.push({
      title: "Rows by hour",
      question: {
        sql: `SELECT date_trunc('hour', ${time}) AS hour, count(*) AS rows\nFROM ${name}\nGROUP BY ALL\nORDER BY hour DESC\nLIMIT 72`,
      },
    });
  } else {
    made.unshift({ title: "Some rows", question: { sql: `SELECT *\nFROM ${name}\nLIMIT 100` } });
  }
  if (table.partition) {
    const partition = quoted(table.partition);
    made.push({
      title: `Rows by ${table.partition}`,
      question: {
        sql: `SELECT ${partition}, count(*) AS rows\nFROM ${name}\nGROUP BY ALL\nORDER BY ${partition} DESC`,
      },
    });
  }
  if (table.key.length > 0 && table.layer !== "stream") {
    const key = table.key.map(quoted).join(", ");
    made.push({
      title: "Keys that occur twice (there should be none)",
      question: {
        sql: `SELECT ${key}, count(*) AS times\nFROM ${name}\nGROUP BY ALL\nHAVING count(*) > 1\nLIMIT 100`,
      },
    });
  }
  const before = table.history[1];
  if (before) {
    made.push({
      title: `As it was at version ${before.version}`,
      question: { sql: `SELECT count(*) AS rows\nFROM ${name}`, as_of: before.timestamp },
    });
  }
  return made;
}
