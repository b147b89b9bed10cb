/**
 * Every error of the application around the engine, in one closed table: a code, and what to do. The message of an
 * error adds the particulars, never a secret; programs match on `code`. The engine's own are in topology/errors.ts.
 */
const table = {
  SQL_URL_INVALID:
    'Give --sql as postgres://user:password@host:port/database, or redshift://… of that form; processors/sinks/README.md has its parameters.',
  SQL_UNREACHABLE: 'Check the address given with --sql and that the database runs.',
  SQL_UNTRUSTED:
    'Give the host by the name in its certificate; if an own authority issued that, name its certificate by sslrootcert=FILE.',
  SQL_REFUSED: 'Check the user, password, database and TLS setting given with --sql.',
  SQL_STAGING_MISSING: 'Name a bucket in the warehouse’s region with --s3 s3://bucket/prefix.',
  SQL_FAILED: 'See the message; the database refused the statement.',
  SERVICE_PORT_IN_USE: 'Give another --port, or stop what listens there.',
  SERVICE_FAILED: 'See the message; the console could not be served.',
  STORE_KEY_UNKNOWN: 'The store has no value of this key; GET /api/stores lists the stores.',
  STORE_KEY_UNREADABLE: 'Write keys that are no text as JSON, and bytes in base64.',
  STORE_OWNER_UNKNOWN: 'Ask again: the group is dividing its work.',
  STORE_RESTORING:
    'Ask again, or with ?standby=true: the task begins at another node, or restores its state.',
  STORE_OWNER_UNREACHABLE:
    'See that the node runs, and that the others reach what it is told to --advertise; or ask with ?standby=true.',
  GROUP_UNKNOWN: 'GET /api/groups lists the groups.',
  SUBJECT_UNKNOWN: 'GET /api/schemas lists the subjects.',
  RECORDS_PARTITION_UNKNOWN: 'Name a partition that the topic has, or none for all of them.',
  RECORDS_PARTITION_MISSING: 'See which broker is down: a partition without a leader cannot be read.',
  RECORDS_OFFSET_BEYOND: 'Begin at an offset before the end of a partition, or at the newest records.',
  RECORDS_QUERY_INVALID: 'Begin at one place, and write bytes in hexadecimal.',
  RECORDS_BUSY: 'Ask again when another search has ended.',
  RECORDINGS_NONE: 'Name a directory that holds recordings in the CASAS smartwatch format (.csv or .csv.gz).',
  RECORDINGS_TOO_MANY: 'Divide the recordings among several directories and stream one after the other.',
  RECORDING_FOREIGN: 'Convert the file to the CASAS smartwatch format, or remove it from the directory.',
  RECORDING_DUPLICATE: 'A device has one file: remove or rename one of them.',
  RECORDING_EXISTS: 'Recordings are never overwritten: name another directory, or remove the old files.',
  RECORDING_DEVICE_INVALID: 'A device id becomes a file name: use letters, digits, ".", "_" and "-" only.',
  RECORDING_UNREADABLE:
    'The file is damaged or cut off there: fetch it again. What came before it was streamed.',
  ROW_CELLS_MISCOUNTED: 'A row has 20 cells; leave those empty that have no value.',
  ROW_TOO_LONG: 'A row has at most 64 KiB.',
  ROW_NUMBER_INVALID: 'Write a decimal number, or leave the cell empty where there is none.',
  ROW_NUMBER_NOT_FINITE: 'Leave the cell empty where there is no number.',
  ROW_STAMP_INVALID: 'Write stamps as YYYY-MM-DD HH:MM:SS.ffffff.',
  ROW_STAMP_ABSURD:
    'Stamps lie after 2000 and not in the future: check the clock of the watch, and --timezone.',
  RECORDINGS_UNLABELLED:
    'Evaluate on recordings whose rows carry labels, and with a release that has these as classes.',
  TIME_ZONE_UNKNOWN: 'Name a zone of the IANA time zone database, such as America/Los_Angeles.',
  SPEED_INVALID: 'Give a speed as a positive number (1 is real time), or "max".',
  ARCHIVE_SIZE_TAKEN: 'Give --archive-every as it was, or archive to another place.',
  WAREHOUSE_TABLE_CHANGED: 'Drop that table in the database and load again: all of it is in the lake.',
  WAREHOUSE_FILES_CHANGED: 'Let the job that writes them end, and run the command again.',
  PROFILE_MISSING:
    'Name one that is there with --profile, or make it: tickerwatch emr statistics -- --name NAME --source "…".',
  PROFILE_INVALID: 'Make the generator profile anew with spark-jobs/descriptive_statistics.py.',
  ANNOTATION_WINDOW_UNKNOWN: 'Ask for another window: this one is no longer kept here.',
  ANNOTATION_INVALID: 'Give one of the labels of the release in force, or say that you cannot tell.',
  ANNOTATION_UNAVAILABLE: 'Ask again: the log did not answer in time.',
  RETRAINING_FAILED:
    'See the message; --python names an interpreter that has the packages of spark-jobs/requirements.txt.',
  ROUTING_INVALID:
    'Ask for at least one annotation per hour and partition (or for 0), and for a random share from 0 to 1.',
  MODEL_NOT_SHIPPED:
    'Name a shipped model with --model, such as watch, or publish a release of this one first.',
  MODEL_FILE_UNREADABLE: 'Check the path; a release file is the JSON that training writes.',
  MODEL_FILE_INVALID: 'A release file is the JSON that training writes: make it anew.',
  MODEL_BYTES_MISSING: 'Publish the release with its ONNX bytes.',
  MODEL_TOO_LARGE: 'Train a smaller model: fewer or shallower trees.',
  MODEL_TOO_LARGE_FOR_TOPIC:
    'Put the model where every node reaches it, and name the place as "location" in the release file instead of "onnx".',
  MODEL_LOCATION_UNSUPPORTED: 'Name the place of the model by a file: or s3: URL.',
  MODEL_LOCATION_EMPTY:
    'Put the model where the release says it is, for every node; then publish the release again.',
  MODEL_UNSIGNED: 'Sign the release file: tickerwatch models sign FILE --key KEY.',
  MODEL_SIGNATURE_WRONG:
    'Sign the release file with a key that the nodes trust, or add its public key with --trusted-keys.',
  MODEL_KEY_INVALID: 'Make a pair of keys with tickerwatch models keygen.',
  MODEL_TOO_SLOW: 'Train a smaller model: fewer or shallower trees.',
  MODEL_IN_FORCE: 'Put another release into shadow; tickerwatch models list shows those there are.',
  MODEL_NO_SHADOW: 'Put one into shadow first: tickerwatch models shadow NAME@VERSION.',
  MODEL_NO_EARLIER: 'Name the version to go back to: tickerwatch models promote NAME@VERSION.',
  MODEL_DAMAGED: 'The bytes are not those that were released: publish the release file again.',
  MODEL_FEATURES_FOREIGN:
    'Train a model on the features of this version, or run the version it was trained for.',
  MODEL_UNLOADABLE: 'Export the model again: ONNX as the runtime of this version reads it.',
  MODEL_INTERFACE_WRONG: 'Export with the input features and the outputs label and probabilities.',
  MODEL_ANSWER_WRONG: 'The model does not compute what it did in training: export it again.',
  MODEL_VERSION_TAKEN: 'Another model was released under this version: give this one a new version.',
  MODEL_CLASS_UNKNOWN: 'Name classes of the release with --classes.',
  MODEL_UNKNOWN: 'Publish the release on the topic of models.',
  MODEL_CLOSED: 'This is a defect of the caller: report it.',
  REPLAY_UNDER_WAY: 'Wait for its end.',
  REPLAY_DIVERGED:
    'See that the log is the one the application ran on, and that this is the version of the program that ran.',
  MODEL_NONE_IN_FORCE: 'Promote a release: tickerwatch models publish FILE --promote.',
} as const satisfies Record<string, string>

export type ApplicationErrorCode = keyof typeof table

/** Of errors that come from another thread or process. */
export function isApplicationErrorCode(code: string | undefined): code is ApplicationErrorCode {
  return code !== undefined && Object.hasOwn(table, code)
}

/** `message` says what happened, in one line; `remedy` what to do. */
export class ApplicationError extends Error {
  readonly code: ApplicationErrorCode
  constructor(code: ApplicationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ApplicationError'
    this.code = code
  }

  get remedy(): string {
    return table[this.code]
  }
}

/** What was thrown, in words: not all that is thrown is an error. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
