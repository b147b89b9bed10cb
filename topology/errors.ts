/**
 * Every error the engine raises, in one closed table: a code, what becomes of the work in which it was raised, and what a
 * person can do. The message of an error adds the particulars; programs match on `code`.
 */
import { StateError, stateErrors } from '../state/errors.ts'
import type { LogErrorCode } from './log/log.ts'

/**
 * What the engine does about an error:
 * - `rebuild`: the task starts again from its last commit
 * - `rejoin`: the work is another member's by now: it is dropped, and the group's next assignment says what is this one's.
 *   (A task is never rebuilt before the group was asked either, see `StreamThread`.)
 * - `poison`: a record is at fault: the failure policy decides about it (failure-policy.ts), and the task goes on
 * - `leave`: this node cannot run the task: it is left to other members of the group
 * - `stop`: the node ends, with the error as the reason
 */
export type Recovery = 'rebuild' | 'rejoin' | 'poison' | 'leave' | 'stop'

interface Entry<R extends Recovery> {
  readonly recovery: R
  readonly remedy: string
}

const rebuild = (remedy: string): Entry<'rebuild'> => ({ recovery: 'rebuild', remedy })
const rejoin = (remedy: string): Entry<'rejoin'> => ({ recovery: 'rejoin', remedy })
const poison = (remedy: string): Entry<'poison'> => ({ recovery: 'poison', remedy })

/** What to do; those that only say so stop the node. */
const table = {
  LOG_UNREACHABLE: rebuild(
    'Check the address given with --brokers, that the broker runs, and whether it wants TLS (--kafka-tls).',
  ),
  LOG_UNTRUSTED:
    'Name a file with the certificate of the authority that signed the broker’s with --kafka-ca, and the broker as its certificate does.',
  LOG_UNAUTHENTICATED:
    'Check --kafka-sasl, --kafka-user and the password (TICKERWATCH_KAFKA_PASSWORD); with IAM, --kafka-region and the credentials of AWS.',
  LOG_FORBIDDEN:
    'Give the user the right that the message names; docs/configuration.md lists what is needed.',
  LOG_REBALANCED: rejoin('The group has a new assignment; the thread rejoins by itself.'),
  LOG_FENCED: rejoin('Another node took over this work; this one rejoins by itself.'),
  LOG_UNKNOWN_TOPIC: 'Create the topic, or correct its name.',
  LOG_RECORD_TOO_LARGE: 'Make the record smaller, or raise max.message.bytes of the topic.',
  LOG_CORRUPT: 'The log holds bytes that are no record batch: check the broker and the disk.',
  LOG_MISUSED: 'This is a defect of the caller: report it.',
  LOG_FAILED: rebuild('See the message; the broker refused the request.'),
  POSITIONS_LOST: rebuild(
    'It is asked for again, as a broker may be mistaken after a restart. If it stays so, the positions were set back, or deleted after a long idle time, or the topic was made anew: set them to what the message says, or begin anew with `tickerwatch reset`.',
  ),
  TOPOLOGY_NAME_MISSING:
    'Give the operator a name: its state directory and changelog topic are named after it.',
  TOPOLOGY_NAME_INVALID:
    'Use letters, digits, ".", "_" and "-" only, at most 200 of them; topics of the application are at most 249 long.',
  TOPOLOGY_NAME_TAKEN: 'Each operator, store and sink needs a name of its own.',
  TOPOLOGY_WINDOW_INVALID:
    'Sizes are positive, an advance is positive and not larger than the size, sessions need a merge, unlimited windows have no final result, only tumbling and hopping windows collect, and endsKey needs a clock per key.',
  TOPOLOGY_RETENTION_TOO_SHORT:
    'Keep windows at least as long as they take records: leave the retention out.',
  TOPOLOGY_JOIN_WINDOW_INVALID:
    'Say how far before and after a record its partners may be, and for how long they may be late; before + after must not be negative.',
  TOPOLOGY_JOIN_KEY_MISSING: 'Say with tableKey by which key of the global table a record is joined.',
  TOPOLOGY_JOIN_GRACE_INVALID:
    'Only the join of a versioned table waits, and no longer than that table remembers: give the table a historyRetention of at least the grace.',
  TOPOLOGY_DURATION_INVALID:
    'Write a duration as milliseconds, or as "250 ms", "2.5 s", "10 m", "1 h", "7 d".',
  TOPOLOGY_SOURCE_TAKEN:
    'A topic is read by one source, in one way: use its stream or table twice instead of declaring it twice.',
  TOPOLOGY_NOT_COPARTITIONED:
    'Topics that are joined or merged into one state need the same number of partitions.',
  TOPOLOGY_SERDE_MISSING:
    'Say how key and value are serialized: give { key, value } to the operator, or to the map before it.',
  TOPOLOGY_BATCH_INVALID:
    'Give whole numbers from 1 as maxBatch, maxInFlight and retry.attempts of a mapBatch.',
  TOPOLOGY_PARTITIONS_INVALID: 'A topic has at least one partition.',
  TOPOLOGY_SUPPRESS_INVALID:
    'Use untilWindowCloses after windows that have one clock for all keys (count({ emit: "close" }) where each key has its own), suppress no table of versions, and give limits as positive whole numbers.',
  TOPOLOGY_EMPTY: 'Add at least one source.',
  TOPOLOGY_FOREIGN: 'Make all of a topology with one TopologyBuilder.',
  TOPOLOGY_TOPIC_MISSING: 'Name at least one topic; where a function chooses it, all of them in `topics`.',
  TOPOLOGY_SPLIT_EMPTY: 'Name at least one branch, with its predicate.',
  TOPOLOGY_JOIN_INVALID: 'Use leftJoin: a table has no records of its own that could come out.',
  TOPOLOGY_UNKNOWN_STORE:
    'Declare the store with the builder of the topology, and connect the processor with that.',
  TOPOLOGY_STORE_MISNAMED: 'Make the store with the name that the function is given.',
  TOPOLOGY_STORE_UNREADABLE:
    'A processor reads the store of a table that keeps one value a key: give the table a store ({ store, value }), without historyRetention; make a windowed or a suppressed one a table anew, with toStream().toTable(name).',
  TOPOLOGY_STORE_UNUSED: 'Connect the store with a processor, or do not declare it.',
  TOPIC_WRONG_PARTITIONS: 'Delete the topic (tickerwatch reset), or give it the number of partitions named.',
  GROUP_ACTIVE: 'Stop these nodes first; one that was killed is a member until its session of 10 s is over.',
  REPLAY_UNSUPPORTED:
    'Only an application with one input topic, whose windows do not close on idle time, can be replayed.',
  REPLAY_NOTHING_RECORDED: 'See that the application ran on this log, and was not reset since.',
  RESET_REFUSED: 'Name only internal topics of the application; others are yours to delete.',
  TOPIC_WRONG_CLEANUP:
    'Give the topic the settings named, with kafka-configs --alter, or delete it (tickerwatch reset): it is made anew.',
  RECORD_UNDECODABLE: poison(
    'Correct its producer; a dead letter is replayed with tickerwatch dead-letters replay.',
  ),
  RECORD_INVALID: poison(
    'Correct its producer; a dead letter is replayed with tickerwatch dead-letters replay.',
  ),
  RECORD_TIMESTAMP_INVALID: poison(
    'Event time is milliseconds since the epoch: correct its producer, or the timestamp function.',
  ),
  RECORD_FAILED: poison(
    'An operator threw: correct it, and replay the dead letter with tickerwatch dead-letters replay.',
  ),
  RECORD_UNSERIALIZABLE: poison('What was to be written is nothing that the serde of the sink can write.'),
  RECORD_TOO_LARGE: poison('Make what is written smaller, or raise max.message.bytes of the topic.'),
  SINK_TOPIC_UNKNOWN: poison(
    'Name all topics that the function of `to` may answer with in its option `topics`.',
  ),
  FORWARD_TIMESTAMP_INVALID: poison(
    'A processor forwards event times in whole milliseconds since the epoch, not negative.',
  ),
  FORWARD_MISPLACED:
    'Forward during the call with a record or in a punctuation; a value processor only with a record.',
  FORWARD_UNKNOWN_CHILD: 'Name what follows the processor with `named`.',
  PUNCTUATION_INVALID:
    'Intervals are at least one millisecond, a start is milliseconds since the epoch, and a processor has one punctuation of a name at a time: cancel it first.',
  PROCESSING_FAILED:
    'See the cause. Correct the operator or the record; or let onFailure of the node skip or dead-letter such records.',
  BATCH_RESULTS_MISCOUNTED: 'A mapBatch function must return one result per value it was given.',
  BATCH_FAILED: 'A mapBatch function rejected; see the cause, or give it more attempts with `retry`.',
  BATCH_TIMED_OUT: rebuild(
    'A mapBatch call took longer than its time-out; raise it, or find out what it waits for.',
  ),
  SUPPRESSION_FULL: 'Raise the limits of suppress, or let it emit early.',
  TASK_CORRUPTED: rebuild('The state of this task is rebuilt from its changelog.'),
  TASK_MIGRATED: rejoin('The task runs elsewhere now; this node rejoins.'),
  ...stateErrors,
  STATE_CORRUPT: rebuild(stateErrors.STATE_CORRUPT),
  STATE_TOO_NEW: { recovery: 'leave', remedy: stateErrors.STATE_TOO_NEW },
  // Another thread of this process may be about to close it.
  STATE_LOCKED: rebuild(stateErrors.STATE_LOCKED),
  STATE_FOREIGN: 'The state directory belongs to another log; it was set aside and is rebuilt.',
  QUERY_STORE_UNKNOWN: 'Name a store that the topology declares.',
  QUERY_STORE_KIND:
    'Ask by key or range of a key-value store, by key and time of a window, session or versioned store.',
  QUERY_KEY_INVALID: 'Give a key that the serde of the store can write.',
  QUERY_ELSEWHERE: 'Ask a node that has the task (metadata says which), or allow a standby to answer.',
  QUERY_LIMIT_INVALID: 'A limit is a whole number from 1 to 10,000.',
  NODE_STALLED: 'No progress within the watchdog time; the node ends so that a supervisor restarts it.',
} as const satisfies Record<LogErrorCode, string | Entry<Recovery>> & Record<string, string | Entry<Recovery>>

export type ErrorCode = keyof typeof table

/** What to do about an error, as a sentence. */
export function remedy(code: ErrorCode): string {
  const entry: string | Entry<Recovery> = table[code]
  return typeof entry === 'string' ? entry : entry.remedy
}

/** What the engine does about an error. What has no code stops the node. */
export function recovery(code: ErrorCode | undefined): Recovery {
  const entry: string | Entry<Recovery> = code === undefined ? '' : table[code]
  return typeof entry === 'string' ? 'stop' : entry.recovery
}

/** Of something that was thrown; undefined if it is not of this table. */
export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof TickerError || error instanceof StateError ? error.code : undefined
}

export function recoveryOf(error: unknown): Recovery {
  return recovery(codeOf(error))
}

/** An error of the engine. `message` says what happened, `remedy` what to do. */
export class TickerError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TickerError'
    this.code = code
  }

  get remedy(): string {
    return remedy(this.code)
  }
}
