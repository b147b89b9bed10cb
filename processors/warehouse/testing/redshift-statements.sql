begin;

select column_name, data_type from information_schema.columns
where table_schema = current_schema() and table_name = $1;

create table if not exists warehouse_loads (
  table_name varchar(255) not null,
  partition_values varchar(4096) not null,
  files varchar(64) not null,
  "rows" bigint not null,
  loaded_at timestamptz not null,
  primary key (table_name, partition_values)
)
diststyle all
sortkey (table_name);

select column_name, data_type from information_schema.columns
where table_schema = current_schema() and table_name = $1;

create table if not exists "readings" (
  "person" varchar(1024) not null,
  "day" varchar(1024) not null,
  "stamp" bigint,
  "pitch" double precision,
  "label" varchar(65535)
)
compound sortkey ("person", "day");

delete from warehouse_loads where table_name = $1;

commit;

select partition_values, files from warehouse_loads where table_name = $1;

begin;

lock warehouse_loads;

insert into warehouse_loads (table_name, partition_values, files, "rows", loaded_at)
select cast($1 as varchar(255)), cast($2 as varchar(4096)), '', 0, cast($3 as timestamptz)
where not exists (select 1 from warehouse_loads where table_name = $1 and partition_values = $2);

update warehouse_loads set files = $1, "rows" = $2, loaded_at = $3
where table_name = $4 and partition_values = $5 and files = $6;

delete from "readings" where "person" = $1 and "day" = $2;

create temp table warehouse_rows (
  "stamp" bigint,
  "pitch" double precision,
  "label" varchar(65535)
);

copy warehouse_rows ("stamp", "pitch", "label")
from 's3://lake/processed/readings/_loads/DIGEST.manifest'
iam_role 'arn:aws:iam::123456789012:role/load'
format as parquet
manifest;

insert into "readings" ("person", "day", "stamp", "pitch", "label")
select cast($1 as varchar(1024)), cast($2 as varchar(1024)), "stamp", "pitch", "label" from warehouse_rows;

drop table warehouse_rows;

create temp table warehouse_rows (
  "pitch" double precision,
  "label" varchar(65535)
);

copy warehouse_rows ("pitch", "label")
from 's3://lake/processed/readings/_loads/DIGEST.manifest'
iam_role 'arn:aws:iam::123456789012:role/load'
format as parquet
manifest;

insert into "readings" ("person", "day", "pitch", "label")
select cast($1 as varchar(1024)), cast($2 as varchar(1024)), "pitch", "label" from warehouse_rows;

drop table warehouse_rows;

commit;
