var e=`# dead_letters

## Means

More than \`health.dead_letters_per_minute\` records of a source were refused within a minute: a producer sends what the contract does not allow. Each is kept, with its reason and its bytes.

## See

- \`dp dead-letters list --where topic=TOPIC\`: reasons and kinds
- \`dp sql "SELECT sampled_at, value FROM platform_metrics_silver WHERE component = 'SOURCE' AND metric = 'dead_letters' ORDER BY 1 DESC LIMIT 30"\`: since when
- headers and \`source_system\` tell who sends them

## Fix

- Mend the producer, or, where it is right, the contract (\`contracts/events.py\`).
- \`dp dead-letters replay --where …\`: sends them again; what is refused once more keeps its identity.

## Fixed when

The rate is below the limit for two minutes; a burst resolves by itself.
`,t="# disk_full\n\n## Means\n\nThe disk of the data has less than `health.disk_free_mb` left, or cannot be read at all. The API answers 503 at `/health`. Workers pause, the driver's commits fail; nothing is lost, as all of them go on when there is room.\n\n## See\n\n- `df -h DATA`, `df -i DATA`: bytes, and inodes\n- `mount | grep …`, `dmesg`: a disk that was mounted read-only after errors\n\n## Fix\n\n- Free what is certainly not needed first: `DATA/logs/*.1`, then see disk_low.\n- Never delete files below `bronze/`, `silver/`, `gold/`, `landing/` by hand.\n- A disk that cannot be read: stop (`dp down`), mend or mount it, start.\n\n## Fixed when\n\n`GET /health` answers 200, workers are no longer paused, and lag falls.\n",n=`# disk_low

## Means

Less than \`health.disk_free_share\` of the data's disk is left, or it will be full within \`health.disk_days\` days at the growth of the last day.

## See

- \`dp lakehouse health\`: bytes by layer, growth, days left
- \`du -xsh DATA/*\`: Kafka's topics, logs and old versions count too

## Fix

- Old versions: \`dp lakehouse vacuum --dry-run\`, then without.
- Kafka: \`kafka.retention_hours\`, \`kafka.retention_bytes\`.
- Landing: \`lakehouse.landing_retention_hours\`.
- Put the archive (\`paths.archive\`) and the outputs (\`paths.outputs\`) on another disk.

## Fixed when

The free share is above the limit, or the days left are.
`,r=`# flush_stuck

## Means

Records wait, and their consumer has committed nothing for longer than \`health.flush_seconds\`: a stream worker does not land its micro-batches, or ingestion gets no acknowledgements.

## See

- \`dp logs stream-worker-1\` (or ingestion): a full disk, a broker that does not answer, a conflict
- \`http://HOST:6066/partitions/\`: ages, waiting events and failures of each partition
- \`df\`, \`iostat\`: a disk that is full or slow

## Fix

- Make room on the disk: what waits is landed by itself.
- A worker that makes no progress for a minute ends itself and is started again; where that does not help, \`kill -9\` it: the next one goes on from landing.
- Broker: see service_down for kafka.

## Fixed when

\`last flush\` in \`dp lakehouse health --html\` is below 15 s.
`,i=`# holes

## Means

A stream worker has got a packed record whose predecessor it has never seen: records between ingestion and the worker are missing, mostly because somebody deleted or recreated an internal topic. The partition waits, as landing must have no holes.

## See

- \`dp alerts list\`: source, partition, and the first source offset that is missing
- \`dp logs ingestion\`: \`workers miss records after offset …: sending again\`

## Fix

- Ingestion goes back and sends them again by itself within \`streams.hole_seconds\`; nothing is to be done as long as the source topic still has them.
- Where ingestion is down, start it.
- Where retention has cut the source records before that, the log says how many are lost; the worker goes on behind them.

## Fixed when

The hole is gone from the worker's heartbeat, and the partition's \`landed_offset\` on the worker's \`/partitions/\` rises.
`,a=`# job_failed

## Means

The newest run of a batch job has failed; the scheduler tries four times, and the old result stays.

## See

- \`dp batch history\`: attempts and errors
- \`dp logs scheduler\`

## Fix

- After the cause is gone: \`dp batch run NAME --date DATE\`.
- Out of memory: \`spark.driver_memory_mb\`, \`spark.executor_memory_mb\`, \`lakehouse.embedded_memory_mb\`.
- Ended after \`batch.timeout_seconds\`: raise it, or run it while less else runs.

## Fixed when

A run of the job has succeeded.
`,o=`# job_missed

## Means

A closed day has no result of a batch job \`health.job_late_minutes\` after its time, though there were events. The scheduler was not running, or other runs take so long.

## See

- \`dp status\`: the scheduler; its heartbeat names the run that goes on
- \`dp batch due\`: what is due
- \`dp batch history\`

## Fix

- Start the scheduler: it makes up for missed days of the last \`batch.late_days\` by itself.
- One day by hand: \`dp batch run NAME --date DATE\`.

## Fixed when

\`dp batch due\` names no such day.
`,s=`# lag_high

## Means

A consumer group has more than \`health.lag_records\` records still to read: it is down, or slower than what comes. Live views and tables are late by as much; nothing is lost as long as retention (7 days, \`kafka.retention_bytes\`) lasts.

## See

- \`dp status\`: lag and rate of each group, and whether its processes run
- is the lag growing or shrinking? \`GET /metrics\`: \`dp_consumer_lag\`

## Fix

- Down: see service_down.
- Slower than what comes: one more process shares the partitions (\`dp worker\`, \`dp ingest\`, or \`streams.workers\`); never more than there are partitions.
- A burst that is being worked off: wait, or silence it: \`dp alerts silence lag_high GROUP --for 1h --reason …\`.

## Fixed when

The lag falls below the limit and goes on falling.
`,c=`# monitor_blind

## Means

A part of the platform could not be looked at: the health monitor itself met an error there. Alerts of that part stay as they are until it is seen again.

## See

- \`dp logs scheduler\`: \`health cannot look at a part\`, with the stack
- \`dp lakehouse health\` looks by the same code, now

## Fix

- A file that cannot be read (rights, a damaged heartbeat or status): the stack names it; heartbeats may be deleted, their services write new ones.
- Anything else is a fault of the monitor: keep the stack, it belongs into a report.

## Fixed when

The next sample has it, within two minutes.
`,l=`# quality_low

## Means

At the newest check fewer rules of the table held than \`health.quality_score\` asks for.

## See

- \`GET /tables/NAME\` or \`dp lakehouse catalog NAME --json\`: \`quality.failed\` names the rules and the rows
- \`dp sql "SELECT * FROM quality_results WHERE dataset = 'TABLE' ORDER BY checked_at DESC LIMIT 20"\`
- \`quarantine_silver\` has the rows that were kept out

## Fix

- Find the producer by \`source_system\` and \`ingest_timestamp\` of the rows, and mend it there.
- Rows that are wrong for good: build the days anew (\`dp lakehouse refresh TABLE --from … --to …\`) once the source is right.
- A rule that asks for too much is changed in \`lakehouse/datasets/\`.

## Fixed when

The next check has a score above the limit.
`,u=`# service_degraded

## Means

A service runs and says itself that something is wrong: the driver whose rounds fail, ingestion without its registry or broker, a worker that cannot write.

## See

- \`dp status\`: the message beside the service
- \`dp logs NAME\`
- for the driver: \`dp lakehouse health\` names the tables

## Fix

- Do what the message says: most name a service that is down, a disk, or a table.
- A table whose rounds fail for its own data: \`dp lakehouse refresh TABLE --dry-run\`, then \`dp lakehouse refresh TABLE --from DATE\`.

## Fixed when

The service is \`ready\` again in \`dp status\`.
`,d=`# service_down

## Means

A service has died and is not back, dies again and again (three times within ten minutes), or has not spoken for 15 seconds though its process may live. Without Kafka, ingestion or the driver nothing new reaches the tables; without the API nobody can ask. Nothing is lost: events wait in Kafka, and every process goes on where its predecessor's last commit was.

## See

- \`dp status\`: the service's state, restarts, and why it last died
- \`dp logs NAME\`: its last lines; a Python stack or a Java exception stands near the end
- \`lost\` with a living process: it is stopped or hangs. \`ps -o stat,wchan -p PID\` tells T (stopped) or D (waits for the disk)

## Fix

- The supervisor starts it again by itself, at most 30 s apart. Where it cannot stay up, the reason stands in its log: a port that is taken, memory, a disk, a setting.
- Hung: \`kill -9 PID\`; the supervisor starts a new one.
- In containers: \`docker compose restart NAME\`.

## Fixed when

\`dp status\` shows it \`ready\`, and the alert resolves two to three minutes later (a service that kept dying: ten).
`,f=`# table_stale

## Means

A table is more than \`health.stale_factor\` times its freshness target behind what it is built from. That no events come at all is never the reason.

## See

- \`dp lakehouse health\`: which tables are behind, and which is the first one upstream
- \`dp status\`: is the driver well? \`dp logs lakehouse-driver\`: rounds that fail, or that take long
- \`GET /tables/NAME/history\`: when it was last written, and how many rows a commit has

## Fix

- One table: its round fails; the log names the reason.
- All tables: the driver is down or waits for Spark; see service_down.
- Rounds that take longer than events come: \`dp lakehouse optimize TABLE\`, then fewer or larger rounds (\`lakehouse.silver_seconds\`), more cores (\`spark.cores_max\`).

## Fixed when

\`behind\` in \`dp lakehouse health\` is below the target.
`,p=`# table_unreadable

## Means

A table's log has an entry that is none, a data file of its newest version is missing, or the whole table has vanished. Queries of it fail; the driver stops writing it.

## See

- \`dp alerts list\`: the sentence names the file
- \`ls DATA/LAYER/TABLE/_delta_log | tail\`: an empty or odd file after a crash of the machine
- did somebody delete files by hand, or run a vacuum that is not ours?

## Fix

- Put the file back, from the archive or a backup of the disk: the rest of the table is untouched.
- A broken newest log entry that no reader has ever seen: move it out of \`_delta_log\`; the driver writes that version anew, once, as its position stands in the commit.
- Silver and gold: \`dp lakehouse restore TABLE --as-of TIME\` to a version whose files are there, then \`dp lakehouse refresh TABLE --from DATE\`; both come from bronze.

## Fixed when

\`dp sql "SELECT count(*) FROM TABLE"\` answers, and the alert resolves within three minutes. One older file in turn is looked for each minute, so also run \`dp sql "SELECT count(DISTINCT load_timestamp) FROM TABLE"\`, which opens all.
`;export{l as a,o as c,r as d,n as f,u as i,a as l,e as m,f as n,c as o,t as p,d as r,s,p as t,i as u};