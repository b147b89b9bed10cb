/** Channel primitives: columns of samples in, one column out. NaN is a missing sample, and spreads. */
import type { Parameters } from './schema.ts'

export type ChannelPrimitive = (
  inputs: readonly Float64Array[],
  count: number,
  out: Float64Array,
  parameters: Parameters,
) => void

/** One component of the unit vector of gravity in the watch's frame; attitude in rad. */
const gravity: ChannelPrimitive = ([pitch, roll], count, out, { axis }) => {
  for (let i = 0; i < count; i++) {
    const p = pitch![i]!
    const r = roll![i]!
    if (axis === 0) out[i] = Math.sin(r) * Math.cos(p)
    // The roll's gaps are gravity's gaps, on every axis.
    else if (axis === 1) out[i] = -Math.sin(p) + 0 * r
    else out[i] = -Math.cos(r) * Math.cos(p)
  }
}

const sum: ChannelPrimitive = (inputs, count, out) => {
  for (let i = 0; i < count; i++) {
    let total = 0
    for (let j = 0; j < inputs.length; j++) total += inputs[j]![i]!
    out[i] = total
  }
}

const magnitude: ChannelPrimitive = (inputs, count, out) => {
  for (let i = 0; i < count; i++) {
    let total = 0
    for (let j = 0; j < inputs.length; j++) total += inputs[j]![i]! * inputs[j]![i]!
    out[i] = Math.sqrt(total)
  }
}

/** The part of a along the unit vector g. */
const along: ChannelPrimitive = ([ax, ay, az, gx, gy, gz], count, out) => {
  for (let i = 0; i < count; i++) out[i] = ax![i]! * gx![i]! + ay![i]! * gy![i]! + az![i]! * gz![i]!
}

/** The part of a across the unit vector g, as |a × g|: exact also where the two are nearly parallel. */
const across: ChannelPrimitive = ([ax, ay, az, gx, gy, gz], count, out) => {
  for (let i = 0; i < count; i++) {
    const x = ay![i]! * gz![i]! - az![i]! * gy![i]!
    const y = az![i]! * gx![i]! - ax![i]! * gz![i]!
    const z = ax![i]! * gy![i]! - ay![i]! * gx![i]!
    out[i] = Math.sqrt(x * x + y * y + z * z)
  }
}

export const channelPrimitives: Readonly<Record<string, ChannelPrimitive>> = {
  gravity,
  sum,
  magnitude,
  along,
  across,
}
