import type { SensorReading } from '../../schemas/index.ts'

/** What the wearer did during a window: the label that all its readings share, null if none has one. */
export type WindowLabel = string | null | typeof mixed

/** Of a window whose readings do not share one label; one with and one without are two. */
export const mixed = Symbol('mixed labels')

export interface WindowSize {
  /** Milliseconds. */
  readonly size: number
  /** Milliseconds from one window's start to the next; starts are multiples of it since the epoch. */
  readonly advance: number
}

/** The labels of hopping windows, gathered from the readings that go into them; each is given away once. */
export class WindowLabels {
  readonly #windows: WindowSize
  readonly #labels = new Map<string, Map<number, WindowLabel>>()

  constructor(windows: WindowSize) {
    this.#windows = windows
  }

  add({ deviceId, stamp, userActivityLabel }: SensorReading): void {
    const { size, advance } = this.#windows
    let device = this.#labels.get(deviceId)
    if (device === undefined) {
      device = new Map()
      this.#labels.set(deviceId, device)
    }
    for (let start = Math.floor(stamp / advance) * advance; start > stamp - size; start -= advance) {
      const before = device.get(start)
      if (before === undefined) device.set(start, userActivityLabel)
      else if (before !== userActivityLabel) device.set(start, mixed)
    }
  }

  /** The label of a window that is closed, and forgets it; null for a window without readings. */
  take(deviceId: string, start: number): WindowLabel {
    const device = this.#labels.get(deviceId)
    const label = device?.get(start) ?? null
    device?.delete(start)
    return label
  }
}
