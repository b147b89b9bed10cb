import type { SensorReading } from '../../schemas/index.ts'
import { Activity } from './activity.ts'
import { channels, type GeneratorPerson, type GeneratorProfile, type Template } from './profile.ts'
import { pick, type Random, seeded } from './random.ts'
import { Synthesis, type Tail } from './synthesis.ts'

/** How often, from one half block to the next, the wearer goes on in another of the activity's templates. */
const CHANGE = 0.25

interface Wearer {
  readonly activities: ReadonlyMap<string, Activity>
  readonly missing: GeneratorPerson['missing']
}

/** The watches of a run; they differ in wearer, activity, and everything random. */
export function watches(profile: GeneratorProfile, devices: number, seed: number): Watch[] {
  const synthesis = new Synthesis(profile.block)
  const people = profile.people.map(
    ({ activities, missing }): Wearer => ({
      missing,
      activities: new Map(
        Object.entries(activities).map(([label, encoded]) => [
          label,
          new Activity(label, encoded, profile, synthesis),
        ]),
      ),
    }),
  )
  const digits = String(devices).length
  return Array.from({ length: devices }, (_, index) => {
    const deviceId = `${profile.name}-${String(index + 1).padStart(digits, '0')}`
    return new Watch(deviceId, profile, people[index % people.length]!, synthesis, seeded(seed, index + 1))
  })
}

/** One watch and its wearer, who goes from activity to activity, and takes it off now and then. */
export class Watch {
  readonly deviceId: string
  readonly #rate: number
  readonly #wearer: Wearer
  readonly #synthesis: Synthesis
  readonly #random: Random
  readonly #absences: ReadonlyMap<string, Absence>
  readonly #batteryState: string | null
  #activity: Activity
  #before: Activity
  #template: Template
  /** Samples left to spend in the activity. */
  #stay: number
  /** What comes after it. */
  #after: { readonly label: string | undefined; readonly pause: number }
  /** Samples still left out. */
  #pause = 0
  #yaw: number
  #tail: Tail
  readonly #samples: Float64Array
  /** The next of `#samples` to hand out. */
  #at: number
  /** The sample at work, [channel]. */
  readonly #sample = new Float64Array(channels.length)

  constructor(
    deviceId: string,
    profile: GeneratorProfile,
    wearer: Wearer,
    synthesis: Synthesis,
    random: Random,
  ) {
    this.deviceId = deviceId
    this.#rate = profile.rate
    this.#wearer = wearer
    this.#synthesis = synthesis
    this.#random = random
    this.#absences = new Map(
      Object.entries(wearer.missing)
        .filter(([, { share }]) => share > 0)
        .map(([column, { share, run }]) => [column, new Absence(share, run, random)]),
    )
    this.#batteryState = pick(profile.texts.batteryState ?? {}, random) ?? null
    this.#activity = this.#before = this.#choose(undefined)
    this.#template = this.#activity.template(random)
    this.#stay = random() * this.#activity.dwell(random)
    this.#after = this.#activity.after(random)
    this.#yaw = this.#anyYaw()
    this.#tail = synthesis.tail()
    this.#samples = synthesis.samples()
    this.#putOn()
    this.#at = Math.floor(random() * synthesis.hop) // so that not all watches refill at once
  }

  /** The sample taken at `stamp`, a step after the one before; undefined while the watch is not worn. */
  next(stamp: number): SensorReading | undefined {
    if (this.#pause === 0 && this.#stay <= 0 && this.#after.pause > 0) this.#takeOff()
    if (this.#pause > 0) {
      this.#pause--
      return undefined
    }
    const { hop } = this.#synthesis
    if (this.#at === hop) this.#refill()
    this.#stay--
    const at = this.#at++
    const sample = this.#sample
    const marginals = this.#activity.marginals()
    const fades = this.#before !== this.#activity
    const rise = fades ? this.#synthesis.rise(at) : 1
    for (let channel = 0; channel < sample.length; channel++) {
      const value = this.#samples[at + channel * hop]!
      const mapped = marginals.map(channel, value)
      sample[channel] = fades
        ? rise * mapped + (1 - rise) * this.#before.marginals().map(channel, value)
        : mapped
    }
    const rotationX = sample[0]!
    const rotationY = sample[1]!
    const rotationZ = sample[2]!
    const length = Math.hypot(sample[6]!, sample[7]!, sample[8]!) || 1
    const gravityX = sample[6]! / length
    const gravityY = sample[7]! / length
    const gravityZ = sample[8]! / length
    // Yaw turns with the rotation about the vertical (gravity points down); its zero is arbitrary.
    this.#yaw -= (rotationX * gravityX + rotationY * gravityY + rotationZ * gravityZ) / this.#rate
    this.#yaw -= 2 * Math.PI * Math.round(this.#yaw / (2 * Math.PI))
    return {
      deviceId: this.deviceId,
      stamp,
      yaw: this.#cell('yaw', this.#yaw),
      pitch: this.#cell('pitch', Math.asin(-gravityY)),
      roll: this.#cell('roll', Math.atan2(gravityX, -gravityZ)),
      rotationRateX: this.#cell('rotationRateX', rotationX),
      rotationRateY: this.#cell('rotationRateY', rotationY),
      rotationRateZ: this.#cell('rotationRateZ', rotationZ),
      userAccelerationX: this.#cell('userAccelerationX', sample[3]!),
      userAccelerationY: this.#cell('userAccelerationY', sample[4]!),
      userAccelerationZ: this.#cell('userAccelerationZ', sample[5]!),
      locationType: null,
      latitudeDistanceFromMean: null,
      longitudeDistanceFromMean: null,
      altitudeDistanceFromMean: null,
      course: null,
      speed: null,
      horizontalAccuracy: null,
      verticalAccuracy: null,
      batteryState: this.#isMissing('batteryState') ? null : this.#batteryState,
      // One activity fades into the next during half a block.
      userActivityLabel: fades && at < hop / 2 ? this.#before.label : this.#activity.label,
    }
  }

  /** Half a block more, of the activity or of the one that follows it at once. */
  #refill(): void {
    this.#before = this.#activity
    // The label changes in the middle of this half block: as often before the stay is over as after it.
    if (this.#stay < this.#synthesis.hop && this.#after.pause === 0) {
      this.#begin(this.#choose(this.#after.label))
    } else if (this.#random() < CHANGE) this.#template = this.#activity.template(this.#random)
    this.#fill()
  }

  /** The watch is not worn for a while; then it is a session of its own, with a yaw of its own. */
  #takeOff(): void {
    this.#pause = this.#after.pause
    this.#stay = 0
    this.#begin(this.#choose(this.#after.label))
    this.#before = this.#activity
    this.#yaw = this.#anyYaw()
    this.#tail = this.#synthesis.tail()
    this.#putOn()
  }

  #begin(activity: Activity): void {
    this.#activity = activity
    this.#template = activity.template(this.#random)
    this.#stay += activity.dwell(this.#random)
    this.#after = activity.after(this.#random)
  }

  #putOn(): void {
    this.#fill() // its rise from nothing is not used
    this.#fill()
  }

  #fill(): void {
    this.#synthesis.next(this.#template, this.#random, this.#tail, this.#samples)
    this.#at = 0
  }

  /** The activity of this label; one of the wearer's, as often as they do it, where there is none. */
  #choose(label: string | undefined): Activity {
    const { activities } = this.#wearer
    const known = label === undefined ? undefined : activities.get(label)
    if (known !== undefined) return known
    const weights = Object.fromEntries(Array.from(activities.values(), each => [each.label, each.weight]))
    return activities.get(pick(weights, this.#random)!)!
  }

  #anyYaw(): number {
    return (this.#random() * 2 - 1) * Math.PI
  }

  /** To four decimals, as recordings are; + 0 makes 0 of -0. */
  #cell(column: string, value: number): number | null {
    return this.#isMissing(column) ? null : Math.round(value * 10_000) / 10_000 + 0
  }

  #isMissing(column: string): boolean {
    return this.#absences.get(column)?.next(this.#random) ?? false
  }
}

/** Whether cells of a column are missing: a chain of two states that keeps the share and the length of the runs. */
class Absence {
  readonly #starts: number
  readonly #goesOn: number
  #missing: boolean

  constructor(share: number, run: number, random: Random) {
    const length = Math.max(run, share / (1 - share)) // no shorter runs could add up to the share
    this.#starts = share < 1 ? share / (1 - share) / length : 1
    this.#goesOn = share < 1 ? 1 - 1 / length : 1
    this.#missing = random() < share
  }

  next(random: Random): boolean {
    const missing = this.#missing
    this.#missing = random() < (missing ? this.#goesOn : this.#starts)
    return missing
  }
}
