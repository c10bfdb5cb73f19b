"use strict";
// All text goes into the page by textContent: what events carry is never taken for markup.

const REFRESH_MS = 5000;
const KEY = "dp.api-key";
const byId = (id) => document.getElementById(id);
let shown = null;

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Integers beyond 2^53 keep their digits where the browser shows the source of a number.
function exact(_, value, context) {
  const whole = typeof value === "number" && !Number.isSafeInteger(value) && context;
  return whole && /^-?\d+$/.test(context.source) ? context.source : value;
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  const body = JSON.parse(await response.text(), exact);
  byId("key-form").hidden = response.status !== 401;
  if (!response.ok && !body.services) throw new Error(body.detail || `HTTP ${response.status}`);
  return body;
}

function count(number) {
  return number === null ? "–" : number.toLocaleString("en");
}

function size(bytes) {
  if (bytes === null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  return `${bytes.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function age(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

function moment(text) {
  return text ? text.replace("T", " ").replace(/(\.\d+)?Z$/, "") : "–";
}

function tableRow(table) {
  const row = document.createElement("tr");
  const name = element("th");
  name.scope = "row";
  const button = element("button", table.name, "link");
  button.type = "button";
  button.title = table.description;
  button.addEventListener("click", () => preview(table));
  name.append(button);
  const fresh = table.lag_seconds === null ? "no events yet" : `${table.freshness}, ${age(table.lag_seconds)} ago`;
  row.append(
    name,
    element("td", table.layer),
    element("td", table.rows === null ? "–" : count(table.rows), "number"),
    element("td", size(table.bytes), "number"),
    element("td", moment(table.newest_event)),
    element("td", fresh, table.freshness),
    element("td", table.version === null ? (table.files ? "live" : "not created yet") : String(table.version), "number"),
  );
  return row;
}

function rowsTable(answer) {
  const table = element("table");
  const head = element("tr");
  const numeric = answer.columns.map((c) => /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL.*)$/.test(c.type));
  answer.columns.forEach((column, i) => {
    const cell = element("th", column.name, numeric[i] ? "number" : "");
    cell.scope = "col";
    cell.title = column.type;
    head.append(cell);
  });
  const body = element("tbody");
  for (const values of answer.rows) {
    const row = element("tr");
    values.forEach((value, i) => {
      const text = value === null ? "null" : typeof value === "object" ? JSON.stringify(value) : String(value);
      const cell = element("td", text, value === null ? "null" : numeric[i] ? "number" : "text");
      if (text.length > 40) cell.title = text;
      row.append(cell);
    });
    body.append(row);
  }
  const top = element("thead");
  top.append(head);
  table.append(top, body);
  return table;
}

function say(id, text, failed = false) {
  byId(id).textContent = text;
  byId(id).className = failed ? "error" : "";
}

function fill(id, answer) {
  byId(id).replaceChildren(...(answer && answer.rows.length ? [rowsTable(answer)] : []));
}

async function preview(table) {
  shown = table;
  byId("preview").hidden = false;
  byId("preview-title").textContent = table.name;
  byId("description").textContent = table.description;
  try {
    const answer = await ask(`/tables/${encodeURIComponent(table.name)}/preview`);
    if (shown !== table) return;
    say("preview-status", answer.row_count ? `Newest ${answer.row_count} rows` : "No rows yet");
    fill("preview-rows", answer);
  } catch (error) {
    say("preview-status", error.message, true);
    fill("preview-rows", null);
  }
}

async function run() {
  say("sql-status", "Running…");
  byId("run").disabled = true;
  try {
    const answer = await ask("/query", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sql: byId("sql").value, limit: 500 }),
    });
    const more = answer.truncated ? " (more were cut off)" : "";
    const rows = answer.row_count === 1 ? "1 row" : `${count(answer.row_count)} rows`;
    say("sql-status", `${rows}${more} in ${answer.elapsed_ms} ms`);
    fill("sql-rows", answer);
  } catch (error) {
    say("sql-status", error.message, true);
    fill("sql-rows", null);
  }
  byId("run").disabled = false;
}

async function refresh() {
  try {
    const health = await ask("/health");
    byId("health").textContent = health.status;
    byId("health").className = health.status;
    byId("reasons").replaceChildren(...(health.reasons || []).map((reason) => element("li", reason)));
    const tables = await ask("/tables");
    const focused = document.activeElement && document.activeElement.closest("#tables") && document.activeElement.textContent;
    byId("tables").replaceChildren(...tables.map(tableRow));
    for (const button of byId("tables").querySelectorAll("button")) {
      if (button.textContent === focused) button.focus();
    }
  } catch (error) {
    byId("health").textContent = error.message;
    byId("health").className = "failed";
  }
  setTimeout(refresh, REFRESH_MS);
}

byId("sql-form").addEventListener("submit", (event) => { event.preventDefault(); run(); });
byId("sql").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
});
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId("key").value);
  byId("key-form").hidden = true;
});
refresh();
