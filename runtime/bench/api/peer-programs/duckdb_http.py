"""A plain DuckDB over HTTP: what somebody writes in an afternoon. `duckdb_http.py PORT NAME=FILES.json …`.

One connection, a cursor a request, threads of its own; no sandbox, no check, no cache, no limits.
"""

import asyncio
import json
import sys

import duckdb
from aiohttp import web


def main() -> None:
    port, *tables = sys.argv[1:]
    connection = duckdb.connect(config={"threads": 2})
    for table in tables:
        name, _, listing = table.partition("=")
        with open(listing) as file:
            files = json.load(file)
        connection.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet({files!r}, hive_partitioning = true)"
        )

    def run(sql: str) -> str:
        cursor = connection.cursor()
        rows = cursor.execute(sql).fetchall()
        columns = [column[0] for column in cursor.description]
        return json.dumps({"columns": columns, "rows": rows}, default=str)

    async def query(request: web.Request) -> web.Response:
        text = await asyncio.to_thread(run, (await request.json())["sql"])
        return web.Response(text=text, content_type="application/json")

    async def tables_of(_: web.Request) -> web.Response:
        sql = "SELECT table_name, column_name, data_type FROM information_schema.columns"
        return web.Response(text=await asyncio.to_thread(run, sql), content_type="application/json")

    application = web.Application()
    application.add_routes([web.post("/query", query), web.get("/tables", tables_of)])
    web.run_app(application, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
