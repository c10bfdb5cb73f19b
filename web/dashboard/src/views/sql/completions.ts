/** What the editor completes: tables, their columns, and the functions that a statement may call. */
import type { Completion, CompletionContext, CompletionSource } from "@codemirror/autocomplete";
import type { SQLNamespace } from "@codemirror/lang-sql";
import { useMemo } from "react";
import { useAnswer } from "../../api/hooks";
import type { Schemas } from "../../api/types";

export interface Completions {
  tables: SQLNamespace;
  functions: CompletionSource;
}

export interface SqlFunction {
  name: string;
  kind: string;
  signature?: string | null;
  description?: string | null;
}

const RARELY = { every: 300_000 };

export function useTables(): Schemas["TableEntry"][] {
  return useAnswer<Schemas["CatalogExport"]>("/catalog", RARELY).data?.tables ?? NO_TABLES;
}

const NO_TABLES: Schemas["TableEntry"][] = [];

export function useCompletions(): Completions {
  const tables = useTables();
  const functions = useAnswer<SqlFunction[]>("/functions", RARELY).data;
  return useMemo(
    () => ({ tables: namespace(tables), functions: completing(functions ?? []) }),
    [tables, functions],
  );
}

export function namespace(tables: Schemas["TableEntry"][]): SQLNamespace {
  return Object.fromEntries(
    tables.map((table) => [
      table.name,
      {
        self: { label: table.name, type: "class", detail: table.layer, info: table.description },
        children: table.columns.map((column): Completion => ({
          label: column.name,
          type: "property",
          detail: column.type,
          info: column.description,
        })),
      },
    ]),
  );
}

export function completing(functions: SqlFunction[]): CompletionSource {
  const options = functions.map((one): Completion => ({
    label: one.name,
    type: "function",
    apply: `${one.name}(`,
    ...(one.signature ? { detail: one.signature } : {}),
    ...(one.description ? { info: one.description } : {}),
    // Behind the columns of the tables that the statement names.
    boost: -1,
  }));
  return (context: CompletionContext) => {
    const word = context.matchBefore(/\w+/);
    if (!word && !context.explicit) return null;
    return { from: word?.from ?? context.pos, options, validFor: /^\w*$/ };
  };
}
