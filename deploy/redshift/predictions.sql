-- What the sink of predictions makes by itself where it may. Who must not make tables has it run by one who may:
-- it can be run again, and the sink needs select, insert, update and delete on the three tables, and to make temporary ones.

begin;

create table if not exists tickerwatch_migrations (
  version integer not null,
  name varchar(256) not null,
  applied_at timestamptz not null
);

create table if not exists predictions (
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
compound sortkey (window_start, device_id);

create table if not exists sink_offsets (
  log_id varchar(1024) not null,
  topic varchar(1024) not null,
  "partition" integer not null,
  next_offset bigint not null,
  updated_at timestamptz not null,
  primary key (log_id, "partition")
)
diststyle all
sortkey (log_id);

insert into tickerwatch_migrations (version, name, applied_at)
select 1, 'predictions and the position of the sink', getdate()
where not exists (select 1 from tickerwatch_migrations where version = 1);

commit;
