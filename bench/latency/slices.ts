/** The readings that are sent at once. */

/** Milliseconds. */
export const SLICE = 5

/** How many they are, at a rate of readings per second. */
export function sliceSize(rate: number): number {
  return Math.max(1, Math.round((rate * SLICE) / 1000))
}

/** Milliseconds of a clock that all processes of the machine share. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
