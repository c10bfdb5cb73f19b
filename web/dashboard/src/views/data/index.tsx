/** The tables: find one, and all that there is to know of it. */
import { useRoute } from "wouter";
import { TableList } from "./list";
import { TablePage } from "./table-page";
import "./data.css";

export default function DataView() {
  const [isTable, parts] = useRoute("/data/:table/:tab?");
  return isTable ? <TablePage key={parts.table} name={parts.table} tab={parts.tab} /> : <TableList />;
}
