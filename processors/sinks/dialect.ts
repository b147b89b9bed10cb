/** What differs between SQL databases: their tables, and how a micro-batch gets into them. */
import type { Migration } from './migrations.ts'
import { predictionColumns } from './predictions-table.ts'

export interface SqlDialect {
  /**
   * A micro-batch is written when it has so many rows, which are kept in memory until then, or when its first one is so
   * many milliseconds old.
   */
  readonly batch: { readonly rows: number; readonly age: number }
  /** The tables of `predictions-table.ts` and `sink-offsets.ts`. */
  readonly migrations: readonly Migration[]
  /** First in each transaction that moves positions. */
  readonly begin: readonly string[]
  /** Makes the table `predictions_staging`, empty, for as long as the transaction. */
  readonly stage: readonly string[]
  /** Brings its rows into `predictions`. */
  readonly merge: readonly string[]
}

const columns = predictionColumns.join(', ')

/** PostgreSQL and PGlite. The primary keys are also the last guard against writing a record twice. */
export const postgresDialect: SqlDialect = {
  batch: { rows: 10_000, age: 200 },
  migrations: [
    {
      version: 1,
      name: 'predictions and the position of the sink',
      statements: [
        `create table if not exists predictions (
  device_id text not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  samples integer not null,
  label text not null,
  confidence double precision not null,
  margin double precision not null,
  probabilities text not null,
  route text not null,
  model_name text not null,
  model_version text not null,
  feature_schema_hash text not null,
  log_id text not null,
  "partition" integer not null,
  "offset" bigint not null,
  inserted_at timestamptz not null,
  primary key (log_id, "partition", "offset")
)`,
        `create table if not exists sink_offsets (
  log_id text not null,
  topic text not null,
  "partition" integer not null,
  next_offset bigint not null,
  updated_at timestamptz not null,
  primary key (log_id, "partition")
)`,
      ],
    },
  ],
  begin: [],
  stage: ['create temp table if not exists predictions_staging (like predictions) on commit delete rows'],
  merge: [`insert into predictions (${columns}) select ${columns} from predictions_staging`],
}
