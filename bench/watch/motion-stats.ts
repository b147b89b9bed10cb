/** What a window knows of its readings, and the features made of it. */
import type { Serde } from '../../topology/index.ts'
import type { SensorReading } from './schemas/generated/SensorReading.ts'

const AXES = 9
/** Numbers per axis: sum, sum of squares, minimum, maximum. */
const PER_AXIS = 4
export const FEATURES = AXES * 5 + 1
/** Count and speed count (int32), speed sum, then the axes (float64), big-endian: the peer's layout. */
const BYTES = 16 + AXES * PER_AXIS * 8

/** What is read of a reading. */
export const statedFields = [
  'yaw',
  'pitch',
  'roll',
  'rotationRateX',
  'rotationRateY',
  'rotationRateZ',
  'userAccelerationX',
  'userAccelerationY',
  'userAccelerationZ',
  'speed',
] as const satisfies readonly (keyof SensorReading)[]

/** An accumulator, changed in place: windows that are handed on when they close let nobody see it before. */
export class MotionStats {
  count = 0
  /** Of the known speeds. */
  speedCount = 0
  speedSum = 0
  readonly axes = new Float64Array(AXES * PER_AXIS)

  constructor() {
    for (let at = 0; at < this.axes.length; at += PER_AXIS) {
      this.axes[at + 2] = Number.POSITIVE_INFINITY
      this.axes[at + 3] = Number.NEGATIVE_INFINITY
    }
  }

  add(reading: Pick<SensorReading, (typeof statedFields)[number]>): this {
    this.count++
    this.#add(0, reading.yaw)
    this.#add(4, reading.pitch)
    this.#add(8, reading.roll)
    this.#add(12, reading.rotationRateX)
    this.#add(16, reading.rotationRateY)
    this.#add(20, reading.rotationRateZ)
    this.#add(24, reading.userAccelerationX)
    this.#add(28, reading.userAccelerationY)
    this.#add(32, reading.userAccelerationZ)
    if (reading.speed !== null) {
      this.speedCount++
      this.speedSum += reading.speed
    }
    return this
  }

  #add(at: number, value: number): void {
    const { axes } = this
    axes[at]! += value
    axes[at + 1]! += value * value
    if (value < axes[at + 2]!) axes[at + 2] = value
    if (value > axes[at + 3]!) axes[at + 3] = value
  }

  /** Per axis mean, standard deviation (population), minimum, maximum, root mean square; last the mean speed, 0 if none is known. */
  features(): Float32Array {
    const features = new Float32Array(FEATURES)
    let to = 0
    for (let at = 0; at < this.axes.length; at += PER_AXIS) {
      const mean = this.axes[at]! / this.count
      const meanSquare = this.axes[at + 1]! / this.count
      features[to++] = mean
      features[to++] = Math.sqrt(Math.max(0, meanSquare - mean * mean))
      features[to++] = this.axes[at + 2]!
      features[to++] = this.axes[at + 3]!
      features[to++] = Math.sqrt(meanSquare)
    }
    features[to] = this.speedCount === 0 ? 0 : this.speedSum / this.speedCount
    return features
  }
}

export const motionStats: Serde<MotionStats> = {
  name: 'motion-stats-1',
  serialize({ count, speedCount, speedSum, axes }) {
    const bytes = Buffer.allocUnsafe(BYTES)
    const view = new DataView(bytes.buffer, bytes.byteOffset, BYTES)
    view.setInt32(0, count)
    view.setInt32(4, speedCount)
    view.setFloat64(8, speedSum)
    for (let i = 0; i < axes.length; i++) view.setFloat64(16 + i * 8, axes[i]!)
    return bytes
  },
  deserialize(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, BYTES)
    const stats = new MotionStats()
    stats.count = view.getInt32(0)
    stats.speedCount = view.getInt32(4)
    stats.speedSum = view.getFloat64(8)
    for (let i = 0; i < stats.axes.length; i++) stats.axes[i] = view.getFloat64(16 + i * 8)
    return stats
  },
}
