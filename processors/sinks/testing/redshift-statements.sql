select log_id, "partition", next_offset from sink_offsets where topic = $1;

select max(version) as version from tickerwatch_migrations;

begin;

create table if not exists tickerwatch_migrations (
  version integer not null,
  name varchar(256) not null,
  applied_at timestamptz not null
);

lock tickerwatch_migrations;

select max(version) as version from tickerwatch_migrations;

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
         select cast($1 as integer), cast($2 as varchar(256)), cast($3 as timestamptz);

commit;

begin;

lock sink_offsets;

insert into sink_offsets (log_id, topic, "partition", next_offset, updated_at)
     select cast($1 as varchar(1024)), cast($2 as varchar(1024)), cast($3 as integer), cast($4 as bigint), cast($5 as timestamptz)
     where not exists (select 1 from sink_offsets where log_id = $1 and "partition" = $3);

commit;

begin;

lock sink_offsets;

update sink_offsets set next_offset = $1, updated_at = $2
     where log_id = $3 and "partition" = $4 and next_offset = $5;

create temp table predictions_staging (like predictions);

copy predictions_staging (device_id, window_start, window_end, samples, label, confidence, margin, probabilities, route, model_name, model_version, feature_schema_hash, log_id, "partition", "offset", inserted_at)
from 's3://bucket/prefix/sink-staging/DIGEST.manifest'
iam_role 'arn:aws:iam::123456789012:role/load'
format as csv gzip
manifest
compupdate off
statupdate off;

merge into predictions
using predictions_staging as staged
on predictions.device_id = staged.device_id and predictions.log_id = staged.log_id and predictions."partition" = staged."partition" and predictions."offset" = staged."offset"
when matched then update set inserted_at = staged.inserted_at
when not matched then insert (device_id, window_start, window_end, samples, label, confidence, margin, probabilities, route, model_name, model_version, feature_schema_hash, log_id, "partition", "offset", inserted_at)
values (staged.device_id, staged.window_start, staged.window_end, staged.samples, staged.label, staged.confidence, staged.margin, staged.probabilities, staged.route, staged.model_name, staged.model_version, staged.feature_schema_hash, staged.log_id, staged."partition", staged."offset", staged.inserted_at);

drop table predictions_staging;

commit;
