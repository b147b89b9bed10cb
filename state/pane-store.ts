/**
 * Samples per key, each kept once, in *panes*: equal slices of event time of which overlapping windows are made. A window
 * operator appends samples, reads the panes of a window when it closes, and drops panes that no open window needs.
 *
 * Everything is resident: per pane one `Float64Array` in which a sample is a row [timestamp, field 1 … field n]. The rows'
 * bytes are their serialized form, so a commit hands slices of the arrays to changelog and disk, and nothing is encoded.
 *
 * Persisted entries, all compaction-safe (a later entry never needs an earlier one of the same key):
 *
 *     00                                                  → float64 time             the operator's stream time
 *     01 key                                              → float64 time             the key's own clock
 *     02 keyLength:uint16 key paneStart:int64 row:uint32  → rows (little-endian)     samples from that row on
 *
 * Samples are appended: what a commit adds to a pane is a new entry, so a pane's bytes are written once however often a
 * commit comes. Dropping a pane deletes its entries. Numbers in keys are big-endian, for their order.
 */
import { readInt64, writeInt64 } from './coder.ts'
import type { StoreChange } from './store.ts'

const STREAM_TIME = 0
const KEY_CLOCK = 1
const ROWS = 2

export const NEVER = Number.NEGATIVE_INFINITY

/** A slice of one key's samples. */
export interface Pane {
  readonly start: number
  /** Rows in use. */
  count: number
  /** Rows [timestamp, fields …] in order of arrival. */
  rows: Float64Array
  /** Whether timestamps ascend, as they mostly do. */
  sorted: boolean
  /** Rows that are persisted already. */
  persisted: number
  /** First rows of the persisted entries: what must be deleted with the pane. */
  readonly entries: number[]
}

/** One key's panes. */
export interface KeyPanes {
  readonly keyBytes: Buffer
  /** The greatest timestamp seen of this key, or what an end marker made of it. */
  clock: number
  /** Ascending by start; few. */
  readonly panes: Pane[]
  dirty: boolean
  clockDirty: boolean
}

export class PaneStore {
  /** Changes when the bytes change meaning. */
  readonly layout: string
  /** The operator's stream time: greatest timestamp seen. */
  #streamTime = NEVER
  #streamTimeDirty = false
  readonly #width: number
  readonly #keys = new Map<string, KeyPanes>()
  #dirty: KeyPanes[] = []
  #deletions: StoreChange[] = []

  constructor(options: { fields: readonly string[]; paneSize: number }) {
    this.#width = 1 + options.fields.length
    this.layout = `panes-1:${options.paneSize}:${options.fields.join(',')}`
  }

  /** Numbers per row: the timestamp and the fields. */
  get width(): number {
    return this.#width
  }

  get streamTime(): number {
    return this.#streamTime
  }

  set streamTime(time: number) {
    this.#streamTime = time
    this.#streamTimeDirty = true
  }

  /** Whether any key has a pane. */
  hasPanes(): boolean {
    for (const { panes } of this.#keys.values()) if (panes.length > 0) return true
    return false
  }

  keys(): IterableIterator<KeyPanes> {
    return this.#keys.values()
  }

  /** The key's panes; `id` is any string that stands for the key, `bytes` are asked for when the key is new. */
  of(id: string, bytes: () => Buffer): KeyPanes {
    let entry = this.#keys.get(id)
    if (entry === undefined) {
      entry = { keyBytes: bytes(), clock: NEVER, panes: [], dirty: false, clockDirty: false }
      this.#keys.set(id, entry)
    }
    return entry
  }

  setClock(entry: KeyPanes, time: number): void {
    entry.clock = time
    entry.clockDirty = true
    this.#touch(entry)
  }

  /** Makes room for a sample and answers with its pane; the caller fills the row that begins at `pane.count * width`. */
  append(entry: KeyPanes, paneStart: number, timestamp: number): Pane {
    const pane =
      findPane(entry.panes, paneStart) ?? insertPane(entry.panes, newPane(paneStart, this.#width * 8))
    const at = pane.count * this.#width
    if (at + this.#width > pane.rows.length) {
      const larger = new Float64Array(pane.rows.length * 2)
      larger.set(pane.rows)
      pane.rows = larger
    }
    if (pane.count > 0 && timestamp < pane.rows[at - this.#width]!) pane.sorted = false
    pane.rows[at] = timestamp
    pane.count++
    this.#touch(entry)
    return pane
  }

  /** Drops the key's panes that begin before `start`. */
  dropBefore(entry: KeyPanes, start: number): void {
    while (entry.panes.length > 0 && entry.panes[0]!.start < start) {
      const pane = entry.panes.shift()!
      for (const row of pane.entries)
        this.#deletions.push({ key: rowsKey(entry.keyBytes, pane.start, row), value: null })
    }
  }

  /**
   * What changed since the last call, synchronously and as copies: from here on changes belong to the next commit.
   * Samples that came and went between two commits leave no trace.
   */
  takeChanges(): StoreChange[] {
    const changes = this.#deletions
    this.#deletions = []
    if (this.#streamTimeDirty) {
      changes.push({ key: Buffer.of(STREAM_TIME), value: timeBytes(this.#streamTime) })
      this.#streamTimeDirty = false
    }
    for (const entry of this.#dirty) {
      entry.dirty = false
      if (entry.clockDirty) {
        changes.push({
          key: Buffer.concat([Buffer.of(KEY_CLOCK), entry.keyBytes]),
          value: timeBytes(entry.clock),
        })
        entry.clockDirty = false
      }
      for (const pane of entry.panes) {
        if (pane.persisted === pane.count) continue
        const rows = pane.rows.slice(pane.persisted * this.#width, pane.count * this.#width)
        changes.push({
          key: rowsKey(entry.keyBytes, pane.start, pane.persisted),
          value: Buffer.from(rows.buffer),
        })
        pane.entries.push(pane.persisted)
        pane.persisted = pane.count
      }
    }
    this.#dirty = []
    return changes
  }

  /**
   * Takes in a persisted entry; entries come in the order of their keys. `id` makes the string that stands for a key.
   */
  load(key: Buffer, value: Buffer, id: (keyBytes: Buffer) => string): void {
    const kind = key[0]
    if (kind === STREAM_TIME) {
      this.#streamTime = value.readDoubleLE()
    } else if (kind === KEY_CLOCK) {
      const bytes = Buffer.from(key.subarray(1))
      this.of(id(bytes), () => bytes).clock = value.readDoubleLE()
    } else if (kind === ROWS) {
      const length = key.readUInt16BE(1)
      const bytes = Buffer.from(key.subarray(3, 3 + length))
      const paneStart = readInt64(key, 3 + length)
      const firstRow = key.readUInt32BE(11 + length)
      this.#loadRows(
        this.of(id(bytes), () => bytes),
        paneStart,
        firstRow,
        value,
      )
    } else {
      throw new RangeError(`an entry of kind ${kind} is none of a pane store`)
    }
  }

  #loadRows(entry: KeyPanes, paneStart: number, firstRow: number, bytes: Buffer): void {
    const rows = new Float64Array(bytes.length / 8)
    Buffer.from(rows.buffer).set(bytes)
    for (let at = 0; at < rows.length; at += this.#width) {
      const pane = this.append(entry, paneStart, rows[at]!)
      pane.rows.set(rows.subarray(at, at + this.#width), (pane.count - 1) * this.#width)
    }
    const pane = findPane(entry.panes, paneStart)!
    if (pane.count !== firstRow + rows.length / this.#width) throw new RangeError('a pane has lost samples')
    pane.persisted = pane.count
    pane.entries.push(firstRow)
  }

  #touch(entry: KeyPanes): void {
    if (entry.dirty) return
    entry.dirty = true
    this.#dirty.push(entry)
  }
}

function newPane(start: number, room: number): Pane {
  return { start, count: 0, rows: new Float64Array(room), sorted: true, persisted: 0, entries: [] }
}

/** The newest pane is the one nearly always wanted. */
function findPane(panes: readonly Pane[], start: number): Pane | undefined {
  for (let i = panes.length - 1; i >= 0; i--) if (panes[i]!.start === start) return panes[i]
  return undefined
}

function insertPane(panes: Pane[], pane: Pane): Pane {
  let at = panes.length
  while (at > 0 && panes[at - 1]!.start > pane.start) at--
  panes.splice(at, 0, pane)
  return pane
}

function rowsKey(key: Buffer, paneStart: number, row: number): Buffer {
  const out = Buffer.allocUnsafe(15 + key.length)
  out[0] = ROWS
  out.writeUInt16BE(key.length, 1)
  key.copy(out, 3)
  writeInt64(out, paneStart, 3 + key.length)
  out.writeUInt32BE(row, 11 + key.length)
  return out
}

function timeBytes(time: number): Buffer {
  const out = Buffer.allocUnsafe(8)
  out.writeDoubleLE(time)
  return out
}
