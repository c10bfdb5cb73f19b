// Writes src/api/schema.d.ts from the API's own OpenAPI document: node types.mjs < openapi.json
import { writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import openapiTS, { astToString } from "openapi-typescript";

// Examples hold JSON Schemas of their own, whose references mean nothing here.
const document = JSON.parse(await text(process.stdin), (key, value) => (key === "examples" ? undefined : value));
const types = await openapiTS(document, { alphabetize: true, defaultNonNullable: false });
const head = "// Made from the OpenAPI document by `npm run types`.\n\n";
await writeFile(new URL("src/api/schema.d.ts", import.meta.url), head + astToString(types));
