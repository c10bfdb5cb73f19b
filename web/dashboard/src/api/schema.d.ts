// Made from the OpenAPI document by `npm run types`.

export interface paths {
  "/alerts": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Alerts and silences
     * @description What fires, what is about to, and what is silenced; the newest first.
     *
     *     Needs the scope `read`.
     */
    get: operations["Alerts"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/alerts/silences": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Silence alerts
     * @description Nobody is told of the alerts that it matches while it holds; they are found and listed all the same.
     *
     *     Needs the scope `admin`.
     */
    post: operations["AddSilence"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/alerts/silences/{silence_id}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /**
     * End a silence
     * @description Alerts that it kept quiet, and that still fire, are told of at the next sample. Answers the rest.
     *
     *     Needs the scope `admin`.
     */
    delete: operations["RemoveSilence"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/audit": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Who did what
     * @description Entries of the audit log, the newest first. What an entry tells is not proven here: `dp audit verify` does that.
     *
     *     Needs the scope `admin`.
     */
    get: operations["Audit"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/catalog": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * The whole catalog
     * @description Every table, or those that have all that is asked for, as JSON by `GET /catalog/schema` or as Markdown.
     *
     *     Needs the scope `read`.
     */
    get: operations["ExportCatalog"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/catalog/lineage/{name}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Lineage
     * @description What a topic, a table or a batch job's result is built from, and what is built from it, from topic to gold.
     *
     *     Needs the scope `read`.
     */
    get: operations["Lineage"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/catalog/schema": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * JSON Schema of the catalog
     * @description The JSON Schema (draft 2020-12) of what `GET /catalog` answers.
     *
     *     Needs the scope `read`.
     */
    get: operations["CatalogSchema"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/dead-letters": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * What was refused, and why
     * @description Records that ingestion has refused: how many for which reason, and the newest of them with their bytes. An answer may lag three seconds behind.
     *
     *     Needs the scope `query`.
     */
    get: operations["DeadLetters"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/events": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * A moment a second
     * @description Server-sent events of type `moment`, one a second: services, rates and latency by source, the hops from producers to gold with their health, table versions. The newest comes at once.
     *
     *     Needs the scope `read`.
     */
    get: operations["Events"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/functions": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Functions of SQL
     * @description Every function that a statement may call, in DuckDB's own words: for the completion of an editor. The same until the next version of the platform, as its `ETag` says.
     *
     *     Needs the scope `read`.
     */
    get: operations["Functions"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/health": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Is the platform well?
     * @description That it answers says that the API is live. 200 while the platform is `ready` (`status` is healthy or degraded), 503 when it is not (failed).
     *
     *     No key is needed.
     */
    get: operations["Health"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/health/report": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * All of the health
     * @description Every service, layer, table, consumer, job and the storage, with what is wrong, in words; as JSON or as one HTML file.
     *
     *     Needs the scope `read`.
     */
    get: operations["HealthReport"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/jobs": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Runs of the batch jobs
     * @description The newest runs first; of one job, or with one status.
     *
     *     Needs the scope `read`.
     */
    get: operations["Jobs"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/me": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Who asks
     * @description Whom the server takes the caller for, so that a page knows what to offer.
     *
     *     Needs the scope `read`.
     */
    get: operations["Me"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/metrics": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * For Prometheus
     * @description Services, tables, queries, consumers and Kafka's disk, in Prometheus' text format; with the scope `query` also the newest figures of the gold tables (`dp_business_…`).
     *
     *     Needs the scope `read`.
     */
    get: operations["Metrics"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/problems/{code}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * A kind of problem
     * @description What the `type` of an error document means, and what to do.
     *
     *     No key is needed.
     */
    get: operations["Problem"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/quality": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Scores and newest results
     * @description The newest check of each table, in the order of the catalog. A table that was not checked on one of the last seven dates with checks is left out.
     *
     *     Needs the scope `read`.
     */
    get: operations["Quality"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/quality/{table}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Results over time
     * @description The last checks of a table, the newest first.
     *
     *     Needs the scope `read`.
     */
    get: operations["QualityTrend"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/query": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Read-only SQL
     * @description Runs one SELECT over the tables, in a sandbox. Equal queries run once, and are answered from memory until a table changes (`X-Cache: hit`).
     *
     *     Needs the scope `query`.
     */
    post: operations["Query"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/streams": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Live windows, sessions and lag
     * @description What the stream workers know now, and how far each consumer group is behind.
     *
     *     Needs the scope `query`.
     */
    get: operations["Streams"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/tables": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * All tables
     * @description Every declared table, or those that have all that is asked for.
     *
     *     Needs the scope `read`.
     */
    get: operations["ListTables"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/tables/{name}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * One table
     * @description Schema, key, owner, rules, quality, freshness, lineage, properties and the last commits of a table.
     *
     *     Needs the scope `read`.
     */
    get: operations["GetTable"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    /**
     * Set owner and tags
     * @description Sets the owner, all tags, or both, for good; what is left out stays. Answers the table with them.
     *
     *     Needs the scope `admin`.
     */
    patch: operations["AnnotateTable"];
    trace?: never;
  };
  "/tables/{name}/history": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Versions
     * @description The versions of a table, newest first, as far as its log reaches; none for those of layer stream.
     *
     *     Needs the scope `read`.
     */
    get: operations["TableHistory"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/tables/{name}/preview": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Some rows
     * @description The newest rows, from the files that were added last; with `where`, `order` or `as_of` those that these ask for.
     *
     *     Needs the scope `query`.
     */
    get: operations["PreviewTable"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/trace/{event_id}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Where one event is
     * @description The journey of one event: source offset, landing file, bronze, silver, the gold rows that it counts in; where no table has it, the dead letters whose bytes hold its id. As `dp trace --json`.
     *
     *     Needs the scope `query`.
     */
    get: operations["Trace"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    /**
     * AlertList
     * @description What is known of alerts now.
     */
    AlertList: {
      alerts: components["schemas"]["ListedAlert"][];
      /** @description When the monitor last looked; null: it has not yet. */
      at: string | null;
      silences: components["schemas"]["Silence"][];
      /** @description Notices that wait for a channel. */
      undelivered: number;
    };
    /**
     * Annotation
     * @description An owner, tags, or both. What is null stays as it is.
     */
    Annotation: {
      /** @default null */
      owner?: string | null;
      /** @default null */
      tags?: string[] | null;
    };
    /**
     * Around
     * @description What lies around one node.
     */
    Around: {
      /** @description Null: not asked for. */
      columns: components["schemas"]["ColumnEdge"][] | null;
      /** @description Most hops from it; null: however many there are. */
      depth: number | null;
      /** @enum {unknown} */
      direction: "both" | "downstream" | "upstream";
      edges: components["schemas"]["Edge"][];
      name: string;
      /** @description Itself among them; upstream before downstream. */
      nodes: components["schemas"]["Node"][];
    };
    /**
     * CatalogExport
     * @description The catalog as one document.
     */
    CatalogExport: {
      /** @description Version of this form. */
      catalog_version: string;
      /**
       * Format: date-time
       * @description When it was made.
       */
      generated_at: string;
      /** @description Upstream before downstream. */
      tables: components["schemas"]["TableEntry"][];
    };
    /**
     * Column
     * @description A column of an answer; several may have one name.
     */
    Column: {
      name: string;
      /** @description DuckDB's name of the type. */
      type: string;
    };
    /**
     * ColumnEdge
     * @description ``to`` is made of ``origin`` (`from` in JSON).
     */
    ColumnEdge: {
      from: components["schemas"]["ColumnRef"];
      to: components["schemas"]["ColumnRef"];
    };
    /**
     * ColumnRef
     * @description A column of a dataset.
     */
    ColumnRef: {
      column: string;
      dataset: string;
    };
    /**
     * Commit
     * @description One version of a table.
     */
    Commit: {
      engine: string;
      /** @description The platform's own metadata of the commit. */
      metadata: Record<string, never> | null;
      /** @description What the engine calls it. */
      operation: string;
      /** @description Rows that it wrote, where the engine counts them. */
      rows_added: number | null;
      /**
       * Format: date-time
       * @description When it was written.
       */
      timestamp: string;
      version: number;
    };
    /**
     * Component
     * @description A part of the platform: the worst of what it consists of.
     */
    Component: {
      reasons: string[];
      /** @enum {unknown} */
      status: "degraded" | "failing" | "ok";
    };
    /**
     * ConsumerState
     * @description One consumer group of the platform. Rates are of the last half minute, all its processes together.
     */
    ConsumerState: {
      /**
       * @description Bytes of the records read.
       * @default 0
       */
      bytes_per_second: number;
      /**
       * @description Since offsets were last committed; None: not yet.
       * @default null
       */
      commit_age_seconds: number | null;
      group: string;
      /**
       * @description Dead letters by reason (kind).
       * @default {}
       */
      invalid_per_second: {
        [key: string]: number;
      };
      /**
       * @description Records still to read, of all partitions; None: the broker does not answer.
       * @default null
       */
      lag: number | null;
      /**
       * @description What was last wrong, also before a restart.
       * @default
       */
      last_error: string;
      /**
       * @description What its processes want seen now: why they are degraded, or a codec that they fell back to.
       * @default
       */
      message: string;
      /**
       * @description Source records settled (ingestion) or events landed (streams).
       * @default 0
       */
      messages_per_second: number;
      /** @default [] */
      partitions: components["schemas"]["PartitionLag"][];
      /**
       * @description Services that have spoken of it in the last 15 s.
       * @default []
       */
      processes: string[];
      /** @description `running`, `starting`, `degraded` or `failed`, the worst of its processes; `down`: none is alive. */
      state: string;
    };
    /**
     * Copy
     * @description One delivery of the event; a producer that retries makes several. Times are UTC.
     */
    Copy: {
      /** @default null */
      bronze_loaded_at: string | null;
      /**
       * @description The version that brought it, while the log still tells; null also while it is not in bronze.
       * @default null
       */
      bronze_version: number | null;
      /** Format: date-time */
      event_timestamp: string;
      /** Format: date-time */
      ingest_timestamp: string;
      /** @description The chain file that holds it; null: cleaned up already. */
      landing_file: string | null;
      offset: number;
      partition: number;
      /** @default [] */
      quality_flags: string[];
      /**
       * @description `kept`: this is the row in silver; `duplicate`: another copy is; `waiting`: silver has not read it yet; `not kept`: it has, and has no row of it; null: the source has no such table yet.
       * @default null
       */
      silver: ("duplicate" | "kept" | "not kept" | "waiting") | null;
      /** @default null */
      silver_loaded_at: string | null;
      /**
       * Format: date-time
       * @description Kafka's own timestamp of the record.
       */
      source_timestamp: string;
      topic: string;
    };
    /**
     * DeadLetter
     * @description A record that was refused, as it stands now.
     */
    DeadLetter: {
      /** @description How many times it has been refused. */
      attempts: number;
      /** Format: date-time */
      dead_lettered_at: string;
      /** @enum {unknown} */
      encoding: "base64" | "text";
      kind: string;
      /** @description Its identity, for `dp dead-letters show` and `replay`: where it was first refused. */
      origin: string;
      /** @description Of its newest refusal in the dead-letter topic: `topic/partition/offset`. */
      position: string;
      /** @description The first 4 KiB of its bytes, as `encoding` says; null: it had none. */
      raw: string | null;
      /** @description All of its bytes. */
      raw_bytes: number;
      reason: string;
      /** @description Whether it has been sent again since. */
      replayed: boolean;
      source: string;
    };
    /**
     * DeadLetters
     * @description `GET /dead-letters`.
     */
    DeadLetters: {
      /** Format: date-time */
      at: string;
      /** @description The most frequent first; 200 at most. */
      by_reason: components["schemas"]["RefusedFor"][];
      /** @description false: the topic is still being read, or has more than the newest 100,000, which are counted. */
      complete: boolean;
      /** @description The newest first; 100 of each source and kind at most. */
      letters: components["schemas"]["DeadLetter"][];
      /** @description Dead letters, each refused record once; of the source and kind that were asked for. */
      total: number;
    };
    /**
     * Disk
     * @description The file system of the data root, bytes.
     */
    Disk: {
      free: number;
      total: number;
    };
    /**
     * Edge
     * @description ``to`` is built from ``origin`` (`from` in JSON).
     */
    Edge: {
      from: string;
      to: string;
    };
    /**
     * FailedRule
     * @description A rule that did not hold.
     */
    FailedRule: {
      message: string | null;
      /** @description Rows that fail it. */
      rows_failed: number;
      rule: string;
      severity: string;
    };
    /**
     * Finding
     * @description A rule that does not hold for a subject, now.
     */
    Finding: {
      rule: string;
      /** @description One sentence with numbers. */
      says: string;
      /** @enum {unknown} */
      status: "degraded" | "failing" | "ok";
      /** @description A table, a service, a consumer group, a job, a disk. */
      subject: string;
    };
    /**
     * GoldRow
     * @description A gold row that the event counts in.
     */
    GoldRow: {
      /**
       * @description Whether the row was computed after the event came into silver; else its next refresh takes it in.
       * @default false
       */
      includes_event: boolean;
      /** @description Null: not computed yet. Values as DuckDB gives them. */
      row: Record<string, never> | null;
      table: string;
    };
    /**
     * GroupHealth
     * @description A consumer group: of a source (ingestion), or of the stream workers.
     */
    GroupHealth: {
      /** @default null */
      commit_age_seconds: number | null;
      group: string;
      /**
       * @description Records still to read; null: not known.
       * @default null
       */
      lag: number | null;
      /** @default 0 */
      messages_per_second: number;
      /** @default [] */
      reasons: string[];
      /**
       * @default ok
       * @enum {unknown}
       */
      status: "degraded" | "failing" | "ok";
    };
    /**
     * Health
     * @description `GET /health`.
     */
    Health: {
      /** Format: date-time */
      at: string;
      components: {
        [key: string]: components["schemas"]["Component"];
      };
      disk: components["schemas"]["Disk"] | null;
      /** @description Whether the API answers. */
      live: boolean;
      /** @description Whether the platform does what it is for; the answer is 503 where it does not. */
      ready: boolean;
      /** @description Why it is not healthy, one sentence each. */
      reasons: string[];
      services: components["schemas"]["ServiceHealth"][];
      /** @enum {unknown} */
      status: "degraded" | "failed" | "healthy";
      tables: {
        [key: string]: components["schemas"]["TableHealth"];
      };
    };
    /**
     * HealthWord
     * @description What `GET /health` says to somebody without a key.
     */
    HealthWord: {
      /** @enum {unknown} */
      status: "degraded" | "failed" | "healthy";
    };
    /**
     * Hop
     * @description One part of the way.
     */
    Hop: {
      /** @description Of the last half minute or more. Producers: what our simulators send. kafka: what comes into the source topics, of everybody. bronze, silver, gold: rows written, of silver those of its first tables. */
      events_per_second: number;
      /** @description Age of the newest event that has passed; of landing, of its newest file; of tables by hour or day, of their newest version. Null: none has. */
      freshness_seconds: number | null;
      label: string;
      /** @description What waits before it. producers, landing: events; ingestion, workers: records; bronze, silver, gold: seconds behind what they are built from, the worst table's. Null: not known, or nothing can wait. */
      lag: number | null;
      lag_unit: ("events" | "records" | "seconds") | null;
      name: string;
      /** @description What is wrong, the worst first. */
      reasons: string[];
      /**
       * @description As the health report judges its parts; idle: nothing is wrong, nothing flows and nothing waits.
       * @enum {unknown}
       */
      status: "degraded" | "failing" | "idle" | "ok";
    };
    /**
     * JobHealth
     * @description A batch job: its newest run.
     */
    JobHealth: {
      name: string;
      /** @default [] */
      reasons: string[];
      /** @default null */
      run_date: string | null;
      /** @default null */
      run_status: string | null;
      /** @default null */
      seconds: number | null;
      /** @default null */
      started_at: string | null;
      /**
       * @default ok
       * @enum {unknown}
       */
      status: "degraded" | "failing" | "ok";
    };
    /**
     * Journey
     * @description Where one event is.
     */
    Journey: {
      /**
       * @description Each delivery, in source order of each partition.
       * @default []
       */
      copies: components["schemas"]["Copy"][];
      /**
       * @description Searched where no table has the event.
       * @default []
       */
      dead_letters: components["schemas"]["Refused"][];
      event_id: string;
      /**
       * @description The gold rows that it counts in.
       * @default []
       */
      gold: components["schemas"]["GoldRow"][];
      /** @default null */
      reached: ("bronze" | "landing" | "silver") | null;
      /**
       * @description Null: it is in no table, and was refused.
       * @default null
       */
      source: string | null;
    };
    /**
     * Latency
     * @description From Kafka's timestamp of a record, which is its producer's, until ingestion has validated it and sends it on; milliseconds, of the last 15 s. Of several ingestion processes the slowest.
     */
    Latency: {
      p50: number;
      p95: number;
    };
    /**
     * LayerHealth
     * @description A layer: the worst of its tables.
     */
    LayerHealth: {
      /** @enum {unknown} */
      name: "bronze" | "gold" | "platform" | "silver" | "stream";
      reasons: string[];
      /** @enum {unknown} */
      status: "degraded" | "failing" | "ok";
      tables: number;
    };
    /**
     * ListedAlert
     * @description An alert, and what keeps it quiet.
     */
    ListedAlert: {
      /** @default null */
      fired_at: string | null;
      /**
       * @description When it fired of late; flapping is bounded by it.
       * @default []
       */
      fires: string[];
      /** @default null */
      resolved_at: string | null;
      rule: string;
      runbook: string;
      says: string;
      /**
       * Format: date-time
       * @description When it was found last.
       */
      seen_at: string;
      /** @enum {unknown} */
      severity: "critical" | "info" | "warning";
      /**
       * @description Id of a silence that holds.
       * @default null
       */
      silenced_by: string | null;
      /**
       * Format: date-time
       * @description When it was found first; pending since then.
       */
      since: string;
      /**
       * @default pending
       * @enum {unknown}
       */
      state: "firing" | "pending" | "resolved";
      subject: string;
      /**
       * @description Whether a notice said that it fires; that it is over is told then, too.
       * @default false
       */
      told: boolean;
    };
    /**
     * Me
     * @description Who asks.
     */
    Me: {
      /** @description Whether this server asks for keys. */
      keys: boolean;
      /** @description The key's name; `local` on loopback where no keys are asked for, `anybody` elsewhere. */
      name: string;
      /**
       * @description What they may do: read; query: also run SQL and read rows; admin: also change things.
       * @enum {unknown}
       */
      scope: "admin" | "query" | "read";
    };
    /**
     * Moment
     * @description One event of `GET /events`.
     */
    Moment: {
      /** @description Unix seconds. */
      at: number;
      /** @description Alerts that fire. */
      firing: number;
      /**
       * @description As `GET /health` has it.
       * @enum {unknown}
       */
      health: "degraded" | "failed" | "healthy";
      /** @description The way from producers to gold, in its order. */
      hops: components["schemas"]["Hop"][];
      services: components["schemas"]["ServiceRate"][];
      sources: components["schemas"]["SourceRate"][];
      /** @description Newest Delta version of each table; null: not created yet, or without versions. */
      versions: {
        [key: string]: number | null;
      };
    };
    /**
     * Node
     * @description A topic, a table, or the results of a batch job.
     */
    Node: {
      description: string;
      /** @description A table's layer; `topic`: a Kafka topic; `batch`: a batch job's Parquet under `outputs/`. */
      layer: ("batch" | "topic") | ("bronze" | "gold" | "platform" | "silver" | "stream");
      name: string;
    };
    /**
     * PartitionLag
     * @description One group's place in one partition. Offsets are those of the next record to read or to be written.
     */
    PartitionLag: {
      /** @description None where the group has never committed there. */
      committed: number | null;
      end: number;
      group: string;
      /** @description Records not yet committed; from the earliest one that the broker has, where none is committed. */
      lag: number;
      partition: number;
      topic: string;
    };
    /**
     * Place
     * @description Files of a layer, of landing or of the outputs. Of tables those of the newest version.
     */
    Place: {
      /**
       * @description When they were counted, where that was not now.
       * @default null
       */
      at: string | null;
      /** @default 0 */
      bytes: number;
      /** @default 0 */
      files: number;
      name: string;
      /** @default 0 */
      small_files: number;
    };
    /**
     * Position
     * @description A place in the text of a query.
     */
    Position: {
      /** @description From 1. */
      column: number;
      /** @description From 1. */
      line: number;
      /** @description Characters before it. */
      offset: number;
    };
    /**
     * Problem
     * @description The body of every error.
     */
    Problem: {
      /** @enum {string} */
      code:
        | "bad_request"
        | "invalid"
        | "unauthorized"
        | "forbidden"
        | "refused"
        | "cross_site"
        | "not_found"
        | "method_not_allowed"
        | "not_acceptable"
        | "timeout"
        | "slow_body"
        | "conflict"
        | "too_large"
        | "memory"
        | "url_too_long"
        | "unsupported_media_type"
        | "misdirected"
        | "contract"
        | "rate_limited"
        | "headers_too_large"
        | "internal"
        | "failed"
        | "platform"
        | "unavailable"
        | "busy";
      detail: string;
      /**
       * @description The request's id, under which the log has it.
       * @default null
       */
      instance?: string | null;
      /** @default null */
      position?: components["schemas"]["Position"] | null;
      status: number;
      /** @default null */
      suggestions?: string[] | null;
      title: string;
      type: string;
    };
    /**
     * ProblemKind
     * @description A kind of problem: what `GET /problems/{code}` tells.
     */
    ProblemKind: {
      help: string;
      status: number;
      title: string;
    };
    /**
     * Quality
     * @description What the newest check of a table said.
     */
    Quality: {
      /**
       * Format: date-time
       * @description When it ran.
       */
      checked_at: string;
      /** @description Those that do not. */
      failed: components["schemas"]["FailedRule"][];
      /** @description Rules that hold. */
      passed: number;
      /** @description Rules that were checked. */
      rules: number;
      /** @description The check. */
      run_id: string;
      /** @description Share of the rules that hold, 0 to 1, weighted by severity. */
      score: number;
    };
    /**
     * QueryAnswer
     * @description Rows of a query. Integers keep every digit as JSON numbers, also beyond 2^53; NaN and the infinities are texts, decimals are text, timestamps RFC 3339 in UTC.
     */
    QueryAnswer: {
      columns: components["schemas"]["Column"][];
      /** @description Of the run that the rows are from. */
      elapsed_ms: number;
      row_count: number;
      rows: unknown[][];
      /** @description Whether there are more rows than were asked for or are allowed. */
      truncated: boolean;
      /** @description Delta version that each table was read at; null: not created yet, or without versions. */
      versions: {
        [key: string]: number | null;
      };
    };
    /**
     * QueryBody
     * @description Body of `POST /query`.
     */
    QueryBody: {
      /** @default null */
      as_of?: string | null;
      /** @default null */
      format?: ("arrow" | "csv" | "json" | "parquet") | null;
      /** @default null */
      limit?: number | null;
      /**
       * @description Values of its parameters: an array for `?` and `$1`, an object for `$name`.
       * @default null
       */
      parameters?:
        | (boolean | number | string | (boolean | number | string | null)[] | null)[]
        | {
            [key: string]: boolean | number | string | (boolean | number | string | null)[] | null;
          }
        | null;
      /** @description One SELECT, in DuckDB's dialect. */
      sql: string;
      /** @default null */
      timeout?: number | null;
      /** @default null */
      version?: number | null;
    };
    /**
     * Recorded
     * @description One entry of the audit log.
     */
    Recorded: {
      action: string;
      /** Format: date-time */
      at: string;
      /** @default  */
      chain?: string;
      /** @default {} */
      details?: Record<string, never>;
      /** @default  */
      process?: string;
      /**
       * @description Its number in the chain.
       * @default 0
       */
      seq?: number;
      /** @default  */
      service?: string;
      /**
       * @description The table, key or job that it is about.
       * @default null
       */
      subject?: string | null;
      /**
       * @description Statement, path, reason; null: redacted.
       * @default {}
       */
      texts?: {
        [key: string]: string | null;
      };
      /**
       * @description Who asked for it; left out: the service itself.
       * @default null
       */
      user?: string | null;
    };
    /**
     * Refused
     * @description A dead letter whose bytes hold the event's id.
     */
    Refused: {
      attempts: number;
      /** Format: date-time */
      dead_lettered_at: string;
      kind: string;
      /** @description Where it was first refused, `topic/partition/offset`: its name for `dp dead-letters`. */
      origin: string;
      reason: string;
    };
    /**
     * RefusedFor
     * @description How often records of a source were refused for one reason.
     */
    RefusedFor: {
      count: number;
      /** @description A short stable word. */
      kind: string;
      /** Format: date-time */
      newest: string;
      reason: string;
      /** @description Of these, how many have been sent again since. */
      replayed: number;
      source: string;
    };
    /**
     * Report
     * @description All of it.
     */
    Report: {
      /** Format: date-time */
      at: string;
      /** @default null */
      disk: components["schemas"]["Disk"] | null;
      /** @default [] */
      findings: components["schemas"]["Finding"][];
      /** @default [] */
      groups: components["schemas"]["GroupHealth"][];
      /** @default [] */
      jobs: components["schemas"]["JobHealth"][];
      /** @default [] */
      layers: components["schemas"]["LayerHealth"][];
      /**
       * @description Whether the platform does what it is for, be it worse than it should.
       * @default true
       */
      ready: boolean;
      /**
       * @description Why it is not well, the worst first.
       * @default []
       */
      reasons: string[];
      /** @default [] */
      services: components["schemas"]["ServiceHealth"][];
      /** @default [] */
      sources: components["schemas"]["SourceHealth"][];
      /**
       * @default ok
       * @enum {unknown}
       */
      status: "degraded" | "failing" | "ok";
      storage: components["schemas"]["Storage"];
      /** @default [] */
      tables: components["schemas"]["TableReport"][];
      /**
       * @description Rules of which nothing is known now: the platform starts or stops, or a part cannot be looked at.
       * @default []
       */
      undecided: string[];
      /** @default [] */
      workers: components["schemas"]["WorkerHealth"][];
    };
    /**
     * Result
     * @description What a run said of one rule.
     */
    Result: {
      message: string | null;
      passed: boolean;
      rows_checked: number;
      rows_failed: number;
      rule: string;
      /** @enum {unknown} */
      severity: "fail" | "flag" | "quarantine";
    };
    /**
     * Run
     * @description One attempt of one job for one UTC day.
     */
    Run: {
      attempt: number;
      /** Format: date-time */
      ended_at: string;
      engine: string;
      /** @default null */
      error: string | null;
      job: string;
      /**
       * @description Rows of the files that were read.
       * @default null
       */
      rows_in: number | null;
      /** @default null */
      rows_out: number | null;
      /** Format: date */
      run_date: string;
      run_id: string;
      /** Format: date-time */
      started_at: string;
      /** @enum {unknown} */
      status: "failed" | "succeeded";
      /** @enum {unknown} */
      trigger: "command" | "late" | "missed" | "schedule";
      /**
       * @description JSON: view → date, topic id and source partition → the newest revision that was read.
       * @default {}
       */
      versions: string;
    };
    /**
     * ServiceHealth
     * @description One service. ``state`` is its own word, or `lost` when its heartbeat has stopped.
     */
    ServiceHealth: {
      /** @default null */
      events_per_second: number | null;
      /** @default null */
      heartbeat_age_seconds: number | null;
      /** @default null */
      memory_bytes: number | null;
      /** @default  */
      message: string;
      name: string;
      /** @default null */
      pid: number | null;
      /** @default [] */
      reasons: string[];
      /** @default null */
      restarts: number | null;
      state: string;
      /**
       * @default ok
       * @enum {unknown}
       */
      status: "degraded" | "failing" | "ok";
      /** @default null */
      total: number | null;
    };
    /**
     * ServiceRate
     * @description One service's own word of itself.
     */
    ServiceRate: {
      events_per_second: number;
      name: string;
      /** @description As in its heartbeat; `lost`: it has stopped. */
      state: string;
      total: number;
    };
    /**
     * Session
     * @description A session of clicks; not final: it is open.
     */
    Session: {
      click_count: number;
      device_type: string | null;
      duration_ms: number;
      entry_page: string | null;
      exit_page: string | null;
      is_final: boolean;
      is_late: boolean;
      page_count: number;
      /** Format: date-time */
      session_end: string;
      session_key: string;
      /** Format: date-time */
      session_start: string;
      user_id: string;
    };
    /**
     * Silence
     * @description Matches alerts by rule and subject; both may have wildcards (`table_*`).
     */
    Silence: {
      by: string;
      /** Format: date-time */
      created_at: string;
      id: string;
      reason: string;
      rule: string;
      /** @default * */
      subject: string;
      /** Format: date-time */
      until: string;
    };
    /**
     * SilenceBody
     * @description Body of `POST /alerts/silences`.
     */
    SilenceBody: {
      /** @description Why; for the others. */
      reason: string;
      /** @description Its name; may have wildcards. */
      rule: string;
      /** @description How long it holds. */
      seconds: number;
      /**
       * @description Of the alert; may have wildcards.
       * @default *
       */
      subject?: string;
    };
    /**
     * SourceHealth
     * @description One source: what was refused of it.
     */
    SourceHealth: {
      /**
       * @description In all, each refused record once.
       * @default 0
       */
      dead_letters: number;
      /**
       * @description Between the monitor's last two samples.
       * @default null
       */
      dead_letters_per_minute: number | null;
      name: string;
      /** @default [] */
      reasons: string[];
      /**
       * @default ok
       * @enum {unknown}
       */
      status: "degraded" | "failing" | "ok";
    };
    /**
     * SourceRate
     * @description One source as ingestion sees it.
     */
    SourceRate: {
      /** @default 0 */
      events_per_second: number;
      /** @default 0 */
      invalid_per_second: number;
      /**
       * @description Records of its topic that ingestion has still to read; null: not known.
       * @default null
       */
      lag: number | null;
      /**
       * @description Null: no event came lately.
       * @default null
       */
      latency_ms: components["schemas"]["Latency"] | null;
      name: string;
      /**
       * @description Since Kafka's timestamp of its newest event; null: there has been none.
       * @default null
       */
      newest_event_age_seconds: number | null;
    };
    /**
     * SqlFunction
     * @description A function that a statement may call.
     */
    SqlFunction: {
      /** @description Null: DuckDB has no words for it. */
      description: string | null;
      example: string | null;
      /**
       * @description scalar: a value for each row; aggregate: one for each group, or over a window; window: only with OVER; table: stands after FROM.
       * @enum {unknown}
       */
      kind: "aggregate" | "scalar" | "table" | "window";
      name: string;
      /** @description Each way to call it, by the names of what it takes, for example `substr(string, start, length)`. */
      signatures: string[];
    };
    /**
     * Storage
     * @description What the data take, and how long the disk lasts.
     */
    Storage: {
      /**
       * @description At that growth; null: never, or not known.
       * @default null
       */
      days_until_full: number | null;
      /**
       * @description Of all places together; null: not measured long enough.
       * @default null
       */
      growth_bytes_per_day: number | null;
      /** @default [] */
      notes: string[];
      /** @default [] */
      places: components["schemas"]["Place"][];
    };
    /**
     * Streams
     * @description `GET /streams`.
     */
    Streams: {
      /** Format: date-time */
      at: string;
      /** @description `up`, or why it does not answer. */
      broker: string;
      consumers: components["schemas"]["ConsumerState"][];
      open_sessions: number;
      partitions: components["schemas"]["WorkerPartition"][];
      /** @description Open ones first, the newest first. */
      sessions: components["schemas"]["Session"][];
      total_sessions: number;
      /** @description The newest first. */
      windows: components["schemas"]["Window"][];
    };
    /**
     * TableColumn
     * @description A column of a table.
     */
    TableColumn: {
      description: string;
      name: string;
      nullable: boolean;
      /** @description Arrow's name of the type. */
      type: string;
    };
    /**
     * TableDetail
     * @description All that there is to know of one table.
     */
    TableDetail: {
      /** @description Size of its data files. */
      bytes: number | null;
      columns: components["schemas"]["TableColumn"][];
      /** @description What one row is. */
      description: string;
      /** @description Tables and batch jobs that are built from it. */
      downstream: string[];
      /** @description Number of its data files. */
      files: number | null;
      /**
       * @description stale: the newest event is older than the target; empty: there is none.
       * @enum {unknown}
       */
      freshness: "empty" | "fresh" | "stale";
      /** @description An event should be here so long after it was sent. */
      freshness_target_seconds: number;
      /** @description The last commits, newest first. */
      history: components["schemas"]["Commit"][];
      /** @description Columns that identify a row; none: rows are only appended. */
      key: string[];
      /** @description Age of the newest event, or of the newest hour's end. */
      lag_seconds: number | null;
      /**
       * @description stream, bronze, silver, gold or platform.
       * @enum {unknown}
       */
      layer: "bronze" | "gold" | "platform" | "silver" | "stream";
      /** @description Its name in SQL. */
      name: string;
      /** @description Largest event time; of a table by hours the beginning of its newest hour. */
      newest_event: string | null;
      /** @description Oldest Delta version that can be read. */
      oldest_version: number | null;
      /** @description Whom to ask. */
      owner: string;
      /** @description Partition column; empty: it has none. */
      partition: string;
      /** @description What is wrong with its log or files; null: nothing is known to be. */
      problem: string | null;
      /** @description Delta table properties. */
      properties: {
        [key: string]: string;
      };
      /** @description The newest check; null: not checked lately. */
      quality: components["schemas"]["Quality"] | null;
      /** @description Weighted share of its rules that held at the newest check, 0 to 1; null: not checked. */
      quality_score: number | null;
      /** @description Older rows may be removed; null: kept for good. */
      retention_days: number | null;
      /** @description Rows of the newest version. */
      rows: number | null;
      rules: components["schemas"]["TableRule"][];
      /** @description Words to find it by. */
      tags: string[];
      /** @description Column of event time; empty: it has none. */
      time: string;
      /** @description How far back versions can be read; null: it has no versions. */
      time_travel_days: number | null;
      /** @description When the newest version was written. */
      updated_at: string | null;
      /** @description Topics and tables that it is built from. */
      upstream: string[];
      /** @description Newest Delta version. */
      version: number | null;
      /** @description Delta versions that can be read. */
      versions_kept: number | null;
      /** @description Columns that closed days are ordered by. */
      z_order: string[];
    };
    /**
     * TableEntry
     * @description All that the catalog exports of a table.
     */
    TableEntry: {
      /** @description Size of its data files. */
      bytes: number | null;
      columns: components["schemas"]["TableColumn"][];
      /** @description What one row is. */
      description: string;
      /** @description Tables and batch jobs that are built from it. */
      downstream: string[];
      /** @description Number of its data files. */
      files: number | null;
      /**
       * @description stale: the newest event is older than the target; empty: there is none.
       * @enum {unknown}
       */
      freshness: "empty" | "fresh" | "stale";
      /** @description An event should be here so long after it was sent. */
      freshness_target_seconds: number;
      /** @description Columns that identify a row; none: rows are only appended. */
      key: string[];
      /** @description Age of the newest event, or of the newest hour's end. */
      lag_seconds: number | null;
      /**
       * @description stream, bronze, silver, gold or platform.
       * @enum {unknown}
       */
      layer: "bronze" | "gold" | "platform" | "silver" | "stream";
      /** @description Its name in SQL. */
      name: string;
      /** @description Largest event time; of a table by hours the beginning of its newest hour. */
      newest_event: string | null;
      /** @description Oldest Delta version that can be read. */
      oldest_version: number | null;
      /** @description Whom to ask. */
      owner: string;
      /** @description Partition column; empty: it has none. */
      partition: string;
      /** @description What is wrong with its log or files; null: nothing is known to be. */
      problem: string | null;
      /** @description The newest check; null: not checked lately. */
      quality: components["schemas"]["Quality"] | null;
      /** @description Weighted share of its rules that held at the newest check, 0 to 1; null: not checked. */
      quality_score: number | null;
      /** @description Older rows may be removed; null: kept for good. */
      retention_days: number | null;
      /** @description Rows of the newest version. */
      rows: number | null;
      rules: components["schemas"]["TableRule"][];
      /** @description Words to find it by. */
      tags: string[];
      /** @description Column of event time; empty: it has none. */
      time: string;
      /** @description How far back versions can be read; null: it has no versions. */
      time_travel_days: number | null;
      /** @description When the newest version was written. */
      updated_at: string | null;
      /** @description Topics and tables that it is built from. */
      upstream: string[];
      /** @description Newest Delta version. */
      version: number | null;
      /** @description Delta versions that can be read. */
      versions_kept: number | null;
      /** @description Columns that closed days are ordered by. */
      z_order: string[];
    };
    /**
     * TableHealth
     * @description How fresh a table is.
     */
    TableHealth: {
      /** @enum {unknown} */
      freshness: "empty" | "fresh" | "stale";
      lag_seconds: number | null;
      newest_event: string | null;
      /** @description What is wrong with its log or files; null: nothing is known to be. */
      problem: string | null;
      /** @enum {unknown} */
      status: "degraded" | "failing" | "ok";
      version: number | null;
    };
    /**
     * TableQuality
     * @description What one run of checks said of one table.
     */
    TableQuality: {
      /**
       * Format: date-time
       * @description When it ran.
       */
      checked_at: string;
      /** @enum {unknown} */
      layer: "bronze" | "gold" | "platform" | "silver" | "stream";
      /** @description Rules that hold. */
      passed: number;
      /** @description What it said of each rule, by name. */
      results: components["schemas"]["Result"][];
      /** @description Rules that were checked. */
      rules: number;
      /** @description The run; it may have looked at other tables as well. */
      run_id: string;
      /** @description Share of the rules that hold, 0 to 1, weighted: flag 1, quarantine 3, fail 5. */
      score: number;
      table: string;
    };
    /**
     * TableReport
     * @description One table. What it cannot have, or not yet, is null.
     */
    TableReport: {
      /**
       * @description Behind what it is built from; null: not known, or nothing to be behind.
       * @default null
       */
      behind_seconds: number | null;
      /** @default null */
      bytes: number | null;
      /** @default null */
      files: number | null;
      /**
       * @default empty
       * @enum {unknown}
       */
      freshness: "empty" | "fresh" | "stale";
      freshness_target_seconds: number;
      /**
       * @description Age of the newest event.
       * @default null
       */
      lag_seconds: number | null;
      /** @enum {unknown} */
      layer: "bronze" | "gold" | "platform" | "silver" | "stream";
      name: string;
      /** @default null */
      newest_event: string | null;
      /**
       * @description What is wrong with its log or files; null: nothing is known to be.
       * @default null
       */
      problem: string | null;
      /** @default null */
      quality_checked_at: string | null;
      /** @default null */
      quality_score: number | null;
      /** @default [] */
      reasons: string[];
      /** @default null */
      rows: number | null;
      /** @default null */
      small_files: number | null;
      /**
       * @default ok
       * @enum {unknown}
       */
      status: "degraded" | "failing" | "ok";
      /** @default null */
      updated_at: string | null;
      /** @default null */
      version: number | null;
    };
    /**
     * TableRule
     * @description A rule of quality.
     */
    TableRule: {
      description: string;
      /** @description SQL condition of the rows that fail; null: no condition. */
      fails_when: string | null;
      name: string;
      /**
       * @description Whether it is over single rows, or over all of them together.
       * @enum {unknown}
       */
      over: "row" | "table";
      /**
       * @description flag: it is noted; quarantine: the row is kept out; fail: nothing of the commit is written.
       * @enum {unknown}
       */
      severity: "fail" | "flag" | "quarantine";
    };
    /**
     * TableSummary
     * @description A table in few words. What it cannot have, or not yet, is null: those of layer `stream` have no versions, and their rows are not counted.
     */
    TableSummary: {
      /** @description Size of its data files. */
      bytes: number | null;
      /** @description What one row is. */
      description: string;
      /** @description Number of its data files. */
      files: number | null;
      /**
       * @description stale: the newest event is older than the target; empty: there is none.
       * @enum {unknown}
       */
      freshness: "empty" | "fresh" | "stale";
      /** @description An event should be here so long after it was sent. */
      freshness_target_seconds: number;
      /** @description Age of the newest event, or of the newest hour's end. */
      lag_seconds: number | null;
      /**
       * @description stream, bronze, silver, gold or platform.
       * @enum {unknown}
       */
      layer: "bronze" | "gold" | "platform" | "silver" | "stream";
      /** @description Its name in SQL. */
      name: string;
      /** @description Largest event time; of a table by hours the beginning of its newest hour. */
      newest_event: string | null;
      /** @description Whom to ask. */
      owner: string;
      /** @description What is wrong with its log or files; null: nothing is known to be. */
      problem: string | null;
      /** @description Weighted share of its rules that held at the newest check, 0 to 1; null: not checked. */
      quality_score: number | null;
      /** @description Rows of the newest version. */
      rows: number | null;
      /** @description Words to find it by. */
      tags: string[];
      /** @description When the newest version was written. */
      updated_at: string | null;
      /** @description Newest Delta version. */
      version: number | null;
    };
    /**
     * Window
     * @description A minute of app events, as known so far.
     */
    Window: {
      errors: number;
      events: number;
      is_final: boolean;
      users: number;
      /** @description Sum of the events' values; null: none had one. */
      value: number | string | null;
      /** Format: date-time */
      window_end: string;
      /** Format: date-time */
      window_start: string;
    };
    /**
     * WorkerHealth
     * @description How a stream worker writes.
     */
    WorkerHealth: {
      /**
       * @description Events a landing file, of the newest one of each partition.
       * @default null
       */
      batch_events: number | null;
      /**
       * @description Since its last commit.
       * @default null
       */
      flush_age_seconds: number | null;
      /** @default null */
      flush_seconds: number | null;
      /**
       * @description Late events since the partitions were loaded.
       * @default 0
       */
      late: number;
      /** @default false */
      paused: boolean;
      service: string;
      /**
       * @description Events read and not yet landed.
       * @default 0
       */
      waiting: number;
    };
    /**
     * WorkerPartition
     * @description One source partition in the hands of a worker.
     */
    WorkerPartition: {
      /** @description Packed records still to read. */
      lag: number | null;
      partition: number;
      /** @description Events that wait for the next flush. */
      pending: number;
      /** @description Source offset up to which its files are written. */
      position: number | null;
      source: string;
      /** @description Event time that it has seen, capped at the broker's clock. */
      watermark: string | null;
      worker: string;
    };
  };
  responses: {
    /** @description `bad_request`: the request is not understood. Compare it with /docs. */
    bad_request: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `bad_request`: the request is not understood. Compare it with /docs.
     *     `invalid`: the query is not valid. Mend the statement at the position given.
     */
    "bad_request-invalid": {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `contract`: the data breaks the contract. See the dataset's page in the catalog. */
    contract: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `forbidden`: the key does not allow this. Use a key with the scope that is named. */
    forbidden: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `forbidden`: the key does not allow this. Use a key with the scope that is named.
     *     `cross_site`: another site's page may not ask. List its origin in access.cors_origins, if it should.
     */
    "forbidden-cross_site": {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `forbidden`: the key does not allow this. Use a key with the scope that is named.
     *     `refused`: the query is not allowed. One SELECT over catalogued tables and pure functions may run.
     */
    "forbidden-refused": {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `forbidden`: the key does not allow this. Use a key with the scope that is named.
     *     `refused`: the query is not allowed. One SELECT over catalogued tables and pure functions may run.
     *     `cross_site`: another site's page may not ask. List its origin in access.cors_origins, if it should.
     */
    "forbidden-refused-cross_site": {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `headers_too_large`: the headers are too large. Send less. */
    headers_too_large: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `internal`: the server failed. Its log has the request's id and the reason. */
    internal: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `internal`: the server failed. Its log has the request's id and the reason.
     *     `failed`: the query failed. The log has the reason; the table may be damaged.
     *     `platform`: the platform failed. The log has the reason.
     */
    "internal-failed-platform": {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `memory`: the query needs too much memory. Group by fewer values, sort fewer rows, or join less. */
    memory: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `misdirected`: this server does not answer for that host. Use the address that it listens on. */
    misdirected: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `not_acceptable`: the answer cannot be had in that form. See /docs for the media types that there are. */
    not_acceptable: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `not_found`: there is no such thing. GET /tables lists the names. */
    not_found: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `rate_limited`: too many requests. Wait as long as Retry-After says. */
    rate_limited: {
      headers: {
        "Retry-After": components["headers"]["Retry-After"];
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `slow_body`: the body did not come in time. Send it faster, or less of it. */
    slow_body: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `timeout`: the query took too long. Read less: fewer columns, a narrower range of dates, a LIMIT inside. */
    timeout: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `timeout`: the query took too long. Read less: fewer columns, a narrower range of dates, a LIMIT inside.
     *     `slow_body`: the body did not come in time. Send it faster, or less of it.
     */
    "timeout-slow_body": {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `too_large`: the request is too large. Send less. */
    too_large: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `too_large`: the request is too large. Send less.
     *     `memory`: the query needs too much memory. Group by fewer values, sort fewer rows, or join less.
     */
    "too_large-memory": {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `unauthorized`: a key is needed. Send Authorization: Bearer <key>; `dp keys create` makes one. */
    unauthorized: {
      headers: {
        "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `unavailable`: something that is needed does not answer. See GET /health. */
    unavailable: {
      headers: {
        "Retry-After": components["headers"]["Retry-After"];
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /**
     * @description `unavailable`: something that is needed does not answer. See GET /health.
     *     `busy`: too many queries at once. Wait as long as Retry-After says.
     */
    "unavailable-busy": {
      headers: {
        "Retry-After": components["headers"]["Retry-After"];
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
    /** @description `url_too_long`: the address is too long. Send a long query as the body of POST /query. */
    url_too_long: {
      headers: {
        "X-Request-Id": components["headers"]["X-Request-Id"];
        [name: string]: unknown;
      };
      content: {
        "application/problem+json": components["schemas"]["Problem"];
      };
    };
  };
  parameters: never;
  requestBodies: never;
  headers: {
    /**
     * @description Changes with the answer. Sent as `If-None-Match` it is answered 304 and no body while it is the same.
     * @example "9a0364b9e99bb480dd25e1f0284c8555"
     */
    ETag: string;
    /**
     * @description Seconds to wait before the next try. With 429, and with 503 of the code `busy`.
     * @example 1
     */
    "Retry-After": string;
    /**
     * @description How to say who you are.
     * @example Bearer
     */
    "WWW-Authenticate": "Bearer";
    /**
     * @description hit: the answer was kept from an equal question, and no table has changed since.
     * @example miss
     */
    "X-Cache": "hit" | "miss";
    /**
     * @description The request's id: the client's `X-Request-Id` if it is a plain one, else a fresh one. The log has it.
     * @example 5f0c6d9e6d3b4d6fb6f1a3f0b8a1c2d3
     */
    "X-Request-Id": string;
    /**
     * @description Number of rows. Not with a JSON answer that was sent while its query ran.
     * @example 24
     */
    "X-Row-Count": string;
    /**
     * @description Whether there are more rows than were asked for or are allowed; as X-Row-Count.
     * @example false
     */
    "X-Truncated": "true" | "false";
    /**
     * @description JSON: the Delta version that each table was read at. With every form but JSON, whose body says it.
     * @example {"event_metrics_gold":412}
     */
    "X-Versions": string;
  };
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  Alerts: {
    parameters: {
      query?: {
        /** @description Also those that were resolved in the last week. */
        all?: boolean;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Alerts and silences */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["AlertList"];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  AddSilence: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": components["schemas"]["SilenceBody"];
      };
    };
    responses: {
      /** @description Silence alerts */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Silence"];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden-cross_site"];
      404: components["responses"]["not_found"];
      408: components["responses"]["slow_body"];
      413: components["responses"]["too_large"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      422: components["responses"]["contract"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  RemoveSilence: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Id of a silence, as GET /alerts tells it.
         * @example 5d41402abc4b2a76
         */
        silence_id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description End a silence */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["AlertList"];
        };
      };
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden-cross_site"];
      404: components["responses"]["not_found"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      422: components["responses"]["contract"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Audit: {
    parameters: {
      query?: {
        /**
         * @description What was done; a pattern as of a shell: `table.*`.
         * @example table.*
         */
        action?: string;
        /**
         * @description Most entries.
         * @example 20
         */
        limit?: number;
        /**
         * @description Entries of this time and later (RFC 3339).
         * @example 2026-11-24T00:00:00Z
         */
        since?: string;
        /**
         * @description Entries about this table, key or job, and queries that read it.
         * @example app_events_silver
         */
        table?: string;
        /**
         * @description Entries before this time.
         * @example 2026-11-25T00:00:00Z
         */
        until?: string;
        /**
         * @description Entries of this user.
         * @example alice
         */
        user?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Who did what */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Recorded"][];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  ExportCatalog: {
    parameters: {
      query?: {
        /**
         * @description Tables that have a column of this name.
         * @example user_id
         */
        column?: string;
        /**
         * @description Form of the answer.
         * @example json
         */
        format?: "json" | "markdown";
        /**
         * @description Tables of this layer.
         * @example gold
         */
        layer?: "stream" | "bronze" | "silver" | "gold" | "platform" | null;
        /**
         * @description Tables of this owner.
         * @example data-platform
         */
        owner?: string;
        /**
         * @description Words that all occur in a table's name, description or columns.
         * @example events hour
         */
        q?: string;
        /**
         * @description Tables that have this tag.
         * @example metrics
         */
        tag?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The whole catalog */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["CatalogExport"];
          "text/markdown": string;
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Lineage: {
    parameters: {
      query?: {
        /** @description Also which columns are made of which. */
        columns?: boolean;
        /**
         * @description Most hops; however many, if left out.
         * @example 1
         */
        depth?: number;
        /**
         * @description What it is built from, what is built from it, or both.
         * @example upstream
         */
        direction?: "upstream" | "downstream" | "both";
        /**
         * @description mermaid: the text of a flowchart.
         * @example json
         */
        format?: "json" | "mermaid";
      };
      header?: never;
      path: {
        /**
         * @description Name of a topic, a table or a batch job.
         * @example event_metrics_gold
         */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Lineage */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Around"];
          "text/plain": string;
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      404: components["responses"]["not_found"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  CatalogSchema: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description JSON Schema of the catalog */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": Record<string, never>;
        };
      };
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  DeadLetters: {
    parameters: {
      query?: {
        /**
         * @description Dead letters of this kind.
         * @example wrong_type
         */
        kind?: string;
        /**
         * @description Most letters.
         * @example 20
         */
        limit?: number;
        /**
         * @description Dead letters of this source.
         * @example app_events
         */
        source?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description What was refused, and why */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["DeadLetters"];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Events: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description A moment a second */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "text/event-stream": string;
        };
      };
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Functions: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Functions of SQL */
      200: {
        headers: {
          ETag: components["headers"]["ETag"];
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["SqlFunction"][];
        };
      };
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Health: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Is the platform well? */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Health"] | components["schemas"]["HealthWord"];
        };
      };
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      /** @description `status` is failed; the body is the same. */
      503: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Health"] | components["schemas"]["HealthWord"];
        };
      };
    };
  };
  HealthReport: {
    parameters: {
      query?: {
        /**
         * @description html: one file that needs no other.
         * @example json
         */
        format?: "json" | "html";
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description All of the health */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Report"];
          "text/html": string;
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Jobs: {
    parameters: {
      query?: {
        /**
         * @description Runs of this job.
         * @example user_segments
         */
        job?: string;
        /**
         * @description Most entries of each list.
         * @example 20
         */
        limit?: number;
        /**
         * @description How they ended.
         * @example succeeded
         */
        status?: "succeeded" | "failed" | null;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Runs of the batch jobs */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Run"][];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Me: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Who asks */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Me"];
        };
      };
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Metrics: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description For Prometheus */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "text/plain": string;
        };
      };
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Problem: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Code of a problem document.
         * @example timeout
         */
        code: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description A kind of problem */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["ProblemKind"];
        };
      };
      404: components["responses"]["not_found"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
    };
  };
  Quality: {
    parameters: {
      query?: {
        /**
         * @description Tables of this layer.
         * @example gold
         */
        layer?: "stream" | "bronze" | "silver" | "gold" | "platform" | null;
        /** @description true: tables all of whose rules held; false: those with one that did not. */
        passed?: boolean;
        /**
         * @description This table alone.
         * @example app_events_silver
         */
        table?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Scores and newest results */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["TableQuality"][];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      404: components["responses"]["not_found"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  QualityTrend: {
    parameters: {
      query?: {
        /**
         * @description Most runs, counted from the newest.
         * @example 20
         */
        limit?: number;
      };
      header?: never;
      path: {
        /**
         * @description Name of a table.
         * @example app_events_silver
         */
        table: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Results over time */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["TableQuality"][];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      404: components["responses"]["not_found"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  Query: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": components["schemas"]["QueryBody"];
      };
    };
    responses: {
      /** @description Read-only SQL */
      200: {
        headers: {
          "X-Cache": components["headers"]["X-Cache"];
          "X-Request-Id": components["headers"]["X-Request-Id"];
          "X-Row-Count": components["headers"]["X-Row-Count"];
          "X-Truncated": components["headers"]["X-Truncated"];
          "X-Versions": components["headers"]["X-Versions"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["QueryAnswer"];
          "application/vnd.apache.arrow.stream": unknown;
          "application/vnd.apache.parquet": unknown;
          "text/csv": string;
        };
      };
      400: components["responses"]["bad_request-invalid"];
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden-refused-cross_site"];
      404: components["responses"]["not_found"];
      406: components["responses"]["not_acceptable"];
      408: components["responses"]["timeout-slow_body"];
      413: components["responses"]["too_large-memory"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal-failed-platform"];
      503: components["responses"]["unavailable-busy"];
    };
  };
  Streams: {
    parameters: {
      query?: {
        /**
         * @description Most entries of each list.
         * @example 20
         */
        limit?: number;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Live windows, sessions and lag */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Streams"];
        };
      };
      400: components["responses"]["bad_request-invalid"];
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden-refused"];
      404: components["responses"]["not_found"];
      408: components["responses"]["timeout"];
      413: components["responses"]["memory"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal-failed-platform"];
      503: components["responses"]["unavailable-busy"];
    };
  };
  ListTables: {
    parameters: {
      query?: {
        /**
         * @description Tables that have a column of this name.
         * @example user_id
         */
        column?: string;
        /**
         * @description Tables of this layer.
         * @example gold
         */
        layer?: "stream" | "bronze" | "silver" | "gold" | "platform" | null;
        /**
         * @description Tables of this owner.
         * @example data-platform
         */
        owner?: string;
        /**
         * @description Words that all occur in a table's name, description or columns.
         * @example events hour
         */
        q?: string;
        /**
         * @description Tables that have this tag.
         * @example metrics
         */
        tag?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description All tables */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["TableSummary"][];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  GetTable: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of a table.
         * @example event_metrics_gold
         */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description One table */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["TableDetail"];
        };
      };
      401: components["responses"]["unauthorized"];
      404: components["responses"]["not_found"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  AnnotateTable: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of a table.
         * @example event_metrics_gold
         */
        name: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": components["schemas"]["Annotation"];
      };
    };
    responses: {
      /** @description Set owner and tags */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["TableDetail"];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden-cross_site"];
      404: components["responses"]["not_found"];
      408: components["responses"]["slow_body"];
      413: components["responses"]["too_large"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      422: components["responses"]["contract"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  TableHistory: {
    parameters: {
      query?: {
        /**
         * @description Most versions.
         * @example 20
         */
        limit?: number;
      };
      header?: never;
      path: {
        /**
         * @description Name of a table.
         * @example event_metrics_gold
         */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Versions */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Commit"][];
        };
      };
      400: components["responses"]["bad_request"];
      401: components["responses"]["unauthorized"];
      404: components["responses"]["not_found"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable"];
    };
  };
  PreviewTable: {
    parameters: {
      query?: {
        /**
         * @description Read the table as it was then (RFC 3339).
         * @example 2026-11-24T00:00:00Z
         */
        as_of?: string;
        /**
         * @description Names with commas between; all by default.
         * @example event_id,user_id,event_timestamp
         */
        columns?: string;
        /**
         * @description Most rows; the settings' own limit holds as well.
         * @example 20
         */
        limit?: number;
        /**
         * @description Columns with commas between; a minus in front: the greatest first.
         * @example -event_timestamp
         */
        order?: string;
        /**
         * @description A condition over its columns, in DuckDB's dialect.
         * @example event_type = 'purchase' AND event_value > 10
         */
        where?: string;
      };
      header?: never;
      path: {
        /**
         * @description Name of a table.
         * @example event_metrics_gold
         */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Some rows */
      200: {
        headers: {
          "X-Cache": components["headers"]["X-Cache"];
          "X-Request-Id": components["headers"]["X-Request-Id"];
          "X-Row-Count": components["headers"]["X-Row-Count"];
          "X-Truncated": components["headers"]["X-Truncated"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["QueryAnswer"];
        };
      };
      400: components["responses"]["bad_request-invalid"];
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden-refused"];
      404: components["responses"]["not_found"];
      408: components["responses"]["timeout"];
      413: components["responses"]["memory"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal-failed-platform"];
      503: components["responses"]["unavailable-busy"];
    };
  };
  Trace: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Id of an app event, a click, an external record or a change.
         * @example 6f1c2a
         */
        event_id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Where one event is */
      200: {
        headers: {
          "X-Request-Id": components["headers"]["X-Request-Id"];
          [name: string]: unknown;
        };
        content: {
          "application/json": components["schemas"]["Journey"];
        };
      };
      401: components["responses"]["unauthorized"];
      403: components["responses"]["forbidden"];
      404: components["responses"]["not_found"];
      408: components["responses"]["timeout"];
      414: components["responses"]["url_too_long"];
      421: components["responses"]["misdirected"];
      429: components["responses"]["rate_limited"];
      431: components["responses"]["headers_too_large"];
      500: components["responses"]["internal"];
      503: components["responses"]["unavailable-busy"];
    };
  };
}
