/** What differs between SQL databases: how tables are declared. */
export interface SqlDialect {
  /** Statements that create the tables of `predictions-table.ts` and `sink-offsets.ts` where they are missing. */
  readonly createTables: readonly string[]
}

/** PostgreSQL and PGlite. The primary keys are also the last guard against writing a record twice. */
export const postgresDialect: SqlDialect = {
  createTables: [
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
}
