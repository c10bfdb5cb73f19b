/** The answers of the API, by the names of its OpenAPI document. */
import type { components } from "./schema";

export type Schemas = components["schemas"];
export type Report = Schemas["Report"];
export type TableSummary = Schemas["TableSummary"];
export type TableDetail = Schemas["TableDetail"];
export type QueryAnswer = Schemas["QueryAnswer"];
export type Column = Schemas["Column"];
export type Moment = Schemas["Moment"];
export type Streams = Schemas["Streams"];
export type AlertList = Schemas["AlertList"];
export type Status = Report["status"];
/** A cell of an answer. Whole numbers beyond 2^53 come as text that keeps every digit. */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
