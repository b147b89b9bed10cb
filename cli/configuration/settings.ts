/**
 * The settings: what commands share, and all that `tickerwatch run` takes. Each is one entry here, and is then a flag, a
 * variable of the environment, a key of the configuration file and a line of docs/configuration.md. Order and sections are
 * those of that page.
 */
import {
  between,
  bucket,
  duration,
  glueName,
  hostAndPort,
  list,
  name,
  oneOf,
  place,
  speed,
  sqlUrl,
  text,
  timeZone,
  tokens,
  webUrl,
  whole,
  yesOrNo,
} from '../values.ts'

export interface Setting<T> {
  readonly section: Section
  /** What follows the flag, such as <n>; undefined for a switch, whose text is true or false. */
  readonly value: string | undefined
  /** What it is, in half a sentence. */
  readonly about: string
  /** Throws commander's InvalidArgumentError, which says what is right. */
  readonly parse: (text: string) => T
  readonly default: T
  /** What holds without it, in words, where `default` does not say it. */
  readonly otherwise: string | undefined
  /** Never printed, and may come from a file that NAME_FILE names. */
  readonly secret: boolean
  /** Whether there is a flag: other users of the machine can read it. */
  readonly flag: boolean
}

export type Section = 'Readings' | 'Kafka' | 'Model and annotation' | 'What is kept' | 'Console' | 'A run'

interface Described {
  readonly section: Section
  readonly value?: string
  readonly about: string
  readonly secret?: true
  readonly flag?: false
}

/** A setting that holds some value in any case. */
function defaulted<T>(
  parse: (text: string) => T,
  described: Described & { readonly default: NoInfer<T> },
): Setting<T> {
  return { value: undefined, secret: false, flag: true, otherwise: undefined, ...described, parse }
}

/** A setting that may be absent; `otherwise` says what that means. */
function optional<T>(
  parse: (text: string) => T,
  described: Described & { readonly otherwise?: string },
): Setting<T | undefined> {
  const absent = { value: undefined, secret: false, flag: true, otherwise: undefined, default: undefined }
  return { ...absent, ...described, parse }
}

export const settings = {
  recordings: optional(text, {
    section: 'Readings',
    value: '<dir>',
    about: 'stream recordings in the CASAS file format',
    otherwise: 'generated readings',
  }),
  speed: optional(speed, {
    section: 'Readings',
    value: '<n|max>',
    about: 'how many times faster than real time the recordings pass',
    otherwise: '1',
  }),
  timezone: optional(timeZone, {
    section: 'Readings',
    value: '<zone>',
    about: 'IANA zone of the recordings’ stamps',
    otherwise: 'UTC',
  }),
  devices: defaulted(between(0, 100_000), {
    section: 'Readings',
    value: '<n>',
    about: 'how many watches are generated; 0 where readings come from others',
    default: 100,
  }),
  seed: defaulted(whole, {
    section: 'Readings',
    value: '<n>',
    about: 'seed of the generated readings',
    default: 1,
  }),
  rate: optional(between(1, 10_000_000), {
    section: 'Readings',
    value: '<n>',
    about: 'generated readings a second, over all watches',
    otherwise: 'as watches do, 10 each',
  }),
  brokers: optional(list(hostAndPort), {
    section: 'Kafka',
    value: '<list>',
    about: 'Kafka, as host:port,…',
    otherwise: 'a log in this process',
  }),
  kafkaTls: defaulted(yesOrNo, {
    section: 'Kafka',
    about: 'reach the brokers over TLS',
    default: false,
  }),
  kafkaCa: optional(text, {
    section: 'Kafka',
    value: '<file>',
    about: 'over TLS, trusting these certificates in PEM',
    otherwise: 'those that Node trusts',
  }),
  kafkaSasl: optional(oneOf('scram-sha-512', 'scram-sha-256', 'plain', 'aws-msk-iam'), {
    section: 'Kafka',
    value: '<mechanism>',
    about: 'say who this is: scram-sha-512, scram-sha-256, plain or aws-msk-iam; always over TLS',
    otherwise: 'nobody is told',
  }),
  kafkaUser: optional(text, {
    section: 'Kafka',
    value: '<name>',
    about: 'with --kafka-sasl, but for aws-msk-iam',
    otherwise: 'none',
  }),
  kafkaPassword: optional(text, {
    section: 'Kafka',
    value: '<password>',
    about: 'of that user',
    otherwise: 'none',
    secret: true,
    flag: false,
  }),
  kafkaRegion: optional(text, {
    section: 'Kafka',
    value: '<region>',
    about: 'with --kafka-sasl aws-msk-iam: that of the brokers, such as eu-central-1',
    otherwise: 'none',
  }),
  registry: optional(webUrl, {
    section: 'Kafka',
    value: '<url>',
    about: 'a schema registry with Confluent’s API; its address may hold a login',
    otherwise: 'schema ids of this process',
    secret: true,
  }),
  threads: defaulted(between(1, 64), {
    section: 'Kafka',
    value: '<n>',
    about: 'worker threads that share the work; more than one with --brokers',
    default: 1,
  }),
  standbyReplicas: defaulted(between(0, 10), {
    section: 'Kafka',
    value: '<n>',
    about: 'copies of each task’s state that other nodes keep up to date, to take it over fast',
    default: 0,
  }),
  partitions: defaulted(between(1, 10_000), {
    section: 'Kafka',
    value: '<n>',
    about: 'of topics that do not exist yet and are divided by device',
    default: 4,
  }),
  replicationFactor: optional(between(1, 100), {
    section: 'Kafka',
    value: '<n>',
    about: 'of topics that do not exist yet',
    otherwise: 'the cluster’s',
  }),
  advertise: optional(hostAndPort, {
    section: 'Kafka',
    value: '<host:port>',
    about: 'where other nodes reach this one’s stores',
    otherwise: 'where the console listens',
  }),
  guarantee: defaulted(oneOf('exactly_once', 'at_least_once'), {
    section: 'Kafka',
    value: '<guarantee>',
    about: 'exactly_once or at_least_once; exactly once costs a transaction per task and commit',
    default: 'exactly_once',
  }),
  model: defaulted(name, {
    section: 'Model and annotation',
    value: '<name>',
    about: 'the model whose releases are followed',
    default: 'watch',
  }),
  trustedKeys: defaulted(list(text), {
    section: 'Model and annotation',
    value: '<files...>',
    about: 'Ed25519 public keys in PEM: only releases that one of them signed are taken',
    default: [],
  }),
  annotationsPerHour: defaulted(whole, {
    section: 'Model and annotation',
    value: '<n>',
    about: 'how many unsure windows of an hour people are asked about',
    default: 240,
  }),
  state: defaulted(text, {
    section: 'What is kept',
    value: '<dir>',
    about: 'what the node keeps on disk',
    default: '.tickerwatch',
  }),
  sql: optional(sqlUrl, {
    section: 'What is kept',
    value: '<url>',
    about: 'PostgreSQL or Amazon Redshift, as postgres://… or redshift://…',
    otherwise: 'PGlite in this process',
    secret: true,
  }),
  s3: optional(bucket, {
    section: 'What is kept',
    value: '<url>',
    about: 'where rows are staged that Redshift takes: s3://bucket/prefix, in its region',
    otherwise: 'Redshift needs it',
  }),
  featureStore: optional(place, {
    section: 'What is kept',
    value: '<url>',
    about: 'where labelled windows go: a directory, or s3://bucket/prefix',
    otherwise: 'in the state directory',
  }),
  archive: optional(place, {
    section: 'What is kept',
    value: '<url>',
    about: 'where readings are archived: a directory, or s3://bucket/prefix',
    otherwise: 'they are not',
  }),
  archiveEvery: optional(between(1_000, 5_000_000), {
    section: 'What is kept',
    value: '<n>',
    about: 'offsets of a file of the archive, for as long as its topic exists',
    otherwise: '500000',
  }),
  archiveDatabase: optional(glueName, {
    section: 'What is kept',
    value: '<name>',
    about: 'a database of Glue in which the archive is registered, hour by hour',
    otherwise: 'it is not',
  }),
  host: defaulted(text, {
    section: 'Console',
    value: '<address>',
    about: 'where the console listens',
    default: '127.0.0.1',
  }),
  port: defaulted(between(0, 65_535), {
    section: 'Console',
    value: '<n>',
    about: 'where the console listens; 0 for any that is free',
    default: 8080,
  }),
  viewerTokens: defaulted(tokens, {
    section: 'Console',
    value: '<tokens>',
    about: 'who may read; without any, whoever reaches the console reads all but what was measured',
    default: [],
    secret: true,
    flag: false,
  }),
  annotatorTokens: defaulted(tokens, {
    section: 'Console',
    value: '<tokens>',
    about: 'who may read and annotate',
    default: [],
    secret: true,
    flag: false,
  }),
  operatorTokens: defaulted(tokens, {
    section: 'Console',
    value: '<tokens>',
    about: 'who may do everything, as the commands on the node’s machine in any case',
    default: [],
    secret: true,
    flag: false,
  }),
  emrConfig: optional(text, {
    section: 'Console',
    value: '<file>',
    about: 'show clusters of EMR and what ran there, by the configuration that tickerwatch emr takes',
    otherwise: 'they are not shown',
  }),
  for: optional(duration, {
    section: 'A run',
    value: '<duration>',
    about: 'stop after so long, such as 40s or 10m',
    otherwise: 'it goes on',
  }),
  publishAfter: optional(duration, {
    section: 'A run',
    value: '<duration>',
    about: 'publish the second shipped release after so long',
    otherwise: 'never',
  }),
  logLevel: defaulted(oneOf('debug', 'info', 'warn', 'error'), {
    section: 'A run',
    value: '<level>',
    about: 'what the node writes to standard error, as JSON: debug, info, warn or error, and what is worse',
    default: 'warn',
  }),
  report: optional(text, {
    section: 'A run',
    value: '<file>',
    about: 'write a report in JSON at the end',
    otherwise: 'none',
  }),
} as const

export type SettingName = keyof typeof settings

/** Their values; durations are milliseconds. */
export type Settings = {
  readonly [Name in SettingName]:
    | ReturnType<(typeof settings)[Name]['parse']>
    | (typeof settings)[Name]['default']
}

export const settingNames = Object.keys(settings).filter(isSettingName)

export function isSettingName(text: string): text is SettingName {
  return Object.hasOwn(settings, text)
}

/** How to reach Kafka. Whatever takes one of these takes all. */
export const kafkaSettings = [
  'brokers',
  'kafkaTls',
  'kafkaCa',
  'kafkaSasl',
  'kafkaUser',
  'kafkaPassword',
  'kafkaRegion',
] as const satisfies readonly SettingName[]
export type KafkaSettings = Pick<Settings, (typeof kafkaSettings)[number]>

/** `standbyReplicas` → `standby-replicas`: the flag without its dashes, and the key in the file. */
export function keyOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

/** `standbyReplicas` → `TICKERWATCH_STANDBY_REPLICAS` */
export function variableOf(name: SettingName): string {
  return `TICKERWATCH_${keyOf(name).replaceAll('-', '_').toUpperCase()}`
}
