// The same input as watch.WatchData, in JavaScript: node gen.mjs 2000000 out.bin (prints the same sha256).
// A third number says how many devices there are, for small tests; 200 are the workload.
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

const DEVICES = Number(process.argv[4] ?? 200),
  PARTITIONS = 4,
  SEED = 20240607,
  T0 = 1700000001234,
  TICK_MS = 20,
  SEGMENT_TICKS = 500,
  AXES = 9
const PERIOD = [200, 100, 50, 40, 25, 16]
const SPEED = [0, 0.25, 1.25, 2.5, 4, 8]
const LABELS = ['sit', 'stand', 'walk', 'run', 'bike', 'drive'].map(s => Buffer.from(s))

function murmur2(data) {
  // Kafka's default partitioner hash
  const m = 0x5bd1e995
  let h = 0x9747b28c ^ data.length,
    i = 0
  for (; i + 4 <= data.length; i += 4) {
    let k = Math.imul(data.readInt32LE(i), m)
    k = Math.imul(k ^ (k >>> 24), m)
    h = Math.imul(h, m) ^ k
  }
  const rest = data.length - i
  if (rest === 3) h ^= data[i + 2] << 16
  if (rest >= 2) h ^= data[i + 1] << 8
  if (rest >= 1) h = Math.imul(h ^ data[i], m)
  h = Math.imul(h ^ (h >>> 13), m)
  return h ^ (h >>> 15)
}

const devices = Array.from({ length: DEVICES }, (_, index) => {
  const id = Buffer.from(`watch-${String(index).padStart(4, '0')}`)
  return {
    index,
    id,
    partition: (murmur2(id) & 0x7fffffff) % PARTITIONS,
    random: (SEED + Math.imul(index + 1, 0x9e3779b9)) | 0,
    activity: 0,
  }
})

function uniform(d) {
  // mulberry32
  d.random = (d.random + 0x6d2b79f5) | 0
  const a = d.random
  let t = Math.imul(a ^ (a >>> 15), a | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const b = Buffer.alloc(256)
let at = 0
const float64 = v => {
  at = b.writeDoubleLE(v, at)
}
const optional = v => {
  b[at++] = 2
  float64(v)
}
const string = s => {
  b[at++] = s.length << 1
  at += s.copy(b, at)
}
function zigzag(v) {
  // v >= 0, below 2^52
  let z = v * 2
  while (z > 127) {
    b[at++] = (z % 128) | 128
    z = Math.floor(z / 128)
  }
  b[at++] = z
}

function reading(d, tick, timestamp) {
  const a = d.activity
  at = 0
  b[at++] = 0
  at = b.writeInt32BE(1, at)
  string(d.id)
  zigzag(timestamp)
  const period = PERIOD[a]
  const wave = 4 * Math.abs(((tick + 7 * d.index) % period) / period - 0.5) - 1
  for (let j = 0; j < AXES; j++) {
    const mean = (((a * 37 + j * 23) % 17) - 8) / 8
    const amplitude = 0.25 + ((a * 13 + j * 7) % 11) / 4
    const noise = uniform(d) + uniform(d) - 1
    float64(mean + amplitude * wave + 2 * noise)
  }
  const u = uniform(d)
  if (u < 0.05) {
    b.fill(0, at, at + 7)
    at += 7
  } else {
    optional(46.75 + d.index / 1024 + tick / 1048576)
    optional(-117.125 - d.index / 1024 + tick / 1048576)
    optional(770 + 2 * a + u)
    optional(360 * u)
    optional(SPEED[a] * (0.5 + u))
    optional(5 + 10 * u)
    optional(3 + 6 * u)
  }
  if (uniform(d) < 0.02) {
    b[at++] = 2
    string(LABELS[a])
  } else b[at++] = 0
  return Buffer.from(b.subarray(0, at))
}

const [total, path] = [Number(process.argv[2]), process.argv[3]]
const sha = createHash('sha256'),
  fd = openSync(path, 'w')
let chunk = Buffer.alloc(1 << 20),
  used = 0
function flush() {
  const c = chunk.subarray(0, used)
  sha.update(c)
  writeSync(fd, c)
  used = 0
}
function write({ d, timestamp, value }) {
  if (used > chunk.length - 512) flush()
  used = chunk.writeUInt8(d.partition, used)
  used = chunk.writeBigInt64BE(BigInt(timestamp), used)
  used = chunk.writeUInt16BE(d.id.length, used)
  used += d.id.copy(chunk, used)
  used = chunk.writeUInt16BE(value.length, used)
  used += value.copy(chunk, used)
}

const waiting = new Map() // arrival ms -> entries in order of generation
let next = T0 // every arrival before this is written
function writeBefore(time) {
  for (; next < time; next++) {
    const entries = waiting.get(next)
    if (entries) {
      entries.forEach(write)
      waiting.delete(next)
    }
  }
}
for (let tick = 0; tick < total / DEVICES; tick++) {
  const base = T0 + TICK_MS * tick
  writeBefore(base)
  for (const d of devices) {
    const timestamp = base + Math.floor(d.index / 10)
    if (tick % SEGMENT_TICKS === 0) d.activity = Math.floor(uniform(d) * 6)
    const u = uniform(d)
    const arrival = timestamp + (u < 0.1 ? 1 + Math.floor(u * 10 * 200) : 0)
    let entries = waiting.get(arrival)
    if (!entries) {
      entries = []
      waiting.set(arrival, entries)
    }
    entries.push({ d, timestamp, value: reading(d, tick, timestamp) })
  }
}
writeBefore(T0 + TICK_MS * (total / DEVICES) + 1000)
flush()
closeSync(fd)
console.log('sha256', sha.digest('hex'))
