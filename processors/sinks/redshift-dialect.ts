/** Amazon Redshift: columns in sorted blocks, a batch now and then instead of rows at once, and keys that nothing enforces. */
import type { SqlDialect } from './dialect.ts'
import { predictionColumns } from './predictions-table.ts'

/** Where a record stands in the log, which a row is unique by; and its device, so that no row moves to be compared. */
const key = ['device_id', 'log_id', '"partition"', '"offset"']

export const redshiftDialect: SqlDialect = {
  // A COPY takes seconds, and each leaves blocks to be merged later; rows of a minute wait in memory:
  // 40 MB at most, and twice as much again while they are written.
  batch: { rows: 100_000, age: 60_000 },
  migrations: [
    {
      version: 1,
      name: 'predictions and the position of the sink',
      statements: [
        // Devices are asked about by time. The lengths are those that `predictions-table.ts` holds rows to.
        `create table if not exists predictions (
  device_id varchar(1024) not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  samples integer not null,
  label varchar(1024) not null,
  confidence double precision not null,
  margin double precision not null,
  probabilities varchar(65535) not null,
  route varchar(1024) not null,
  model_name varchar(1024) not null,
  model_version varchar(1024) not null,
  feature_schema_hash varchar(1024) not null,
  log_id varchar(1024) not null,
  "partition" integer not null,
  "offset" bigint not null,
  inserted_at timestamptz not null,
  primary key (log_id, "partition", "offset")
)
diststyle key
distkey (device_id)
compound sortkey (window_start, device_id)`,
        // A few rows, of which each node of the warehouse has a copy.
        `create table if not exists sink_offsets (
  log_id varchar(1024) not null,
  topic varchar(1024) not null,
  "partition" integer not null,
  next_offset bigint not null,
  updated_at timestamptz not null,
  primary key (log_id, "partition")
)
diststyle all
sortkey (log_id)`,
      ],
    },
  ],
  // Without it the second of two sinks does not wait for the first, but fails with a serializable isolation violation; and
  // both could enter the same partition.
  begin: ['lock sink_offsets'],
  stage: ['create temp table predictions_staging (like predictions)'],
  merge: [
    `merge into predictions
using predictions_staging as staged
on ${key.map(column => `predictions.${column} = staged.${column}`).join(' and ')}
when matched then update set inserted_at = staged.inserted_at
when not matched then insert (${predictionColumns.join(', ')})
values (${predictionColumns.map(column => `staged.${column}`).join(', ')})`,
    // TRUNCATE would commit.
    'drop table predictions_staging',
  ],
}
