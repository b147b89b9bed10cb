import type { SensorReading } from '../../schemas/index.ts'
import { decodeTemplate, type GeneratorProfile, type Template } from './profile.ts'
import { normal, pick, type Random, seeded } from './random.ts'
import { Synthesis, type Tail } from './synthesis.ts'

/** How often, from one half block to the next, the wearer goes on in another of the activity's templates. */
const CHANGE = 0.25

/** A person's templates by activity. */
type Person = ReadonlyMap<string, readonly Template[]>

/** The watches of a run; they differ in wearer, activity, and everything random. */
export function watches(profile: GeneratorProfile, devices: number, seed: number): Watch[] {
  const people = profile.people.map(
    ({ activities }): Person =>
      new Map(
        Object.entries(activities).map(([label, { templates }]) => [label, templates.map(decodeTemplate)]),
      ),
  )
  const synthesis = new Synthesis(profile.block)
  const digits = String(devices).length
  return Array.from({ length: devices }, (_, index) => {
    const deviceId = `${profile.name}-${String(index + 1).padStart(digits, '0')}`
    return new Watch(deviceId, profile, people[index % people.length]!, synthesis, seeded(seed, index + 1))
  })
}

/** One watch and its wearer, who goes from activity to activity. */
export class Watch {
  readonly deviceId: string
  readonly #profile: GeneratorProfile
  readonly #person: Person
  readonly #synthesis: Synthesis
  readonly #random: Random
  readonly #missing: ReadonlyMap<string, number>
  readonly #batteryState: string | null
  #label: string
  #before: string
  #template: Template
  /** Samples left to spend in the activity. */
  #stay: number
  #yaw: number
  readonly #tail: Tail
  readonly #samples: Float64Array
  /** The next of `#samples` to hand out. */
  #at: number

  constructor(
    deviceId: string,
    profile: GeneratorProfile,
    person: Person,
    synthesis: Synthesis,
    random: Random,
  ) {
    this.deviceId = deviceId
    this.#profile = profile
    this.#person = person
    this.#synthesis = synthesis
    this.#random = random
    this.#missing = new Map(Object.entries(profile.missing).filter(([, share]) => share > 0))
    this.#batteryState = pick(profile.texts.batteryState ?? {}, random) ?? null
    this.#label = this.#before = profile.labels[Math.floor(random() * profile.labels.length)]!
    this.#template = this.#chooseTemplate()
    this.#stay = random() * this.#dwell()
    this.#yaw = (random() * 2 - 1) * Math.PI
    this.#tail = synthesis.tail()
    this.#samples = synthesis.samples()
    synthesis.next(this.#template, random, this.#tail, this.#samples) // its rise from nothing is not used
    this.#refill()
    this.#at = Math.floor(random() * synthesis.hop) // so that not all watches refill at once
  }

  /** The next sample, taken at `stamp`. */
  next(stamp: number): SensorReading {
    const { hop } = this.#synthesis
    if (this.#at === hop) this.#refill()
    const samples = this.#samples
    const at = this.#at++
    const rotationX = samples[at]!
    const rotationY = samples[at + hop]!
    const rotationZ = samples[at + 2 * hop]!
    let gravityX = samples[at + 6 * hop]!
    let gravityY = samples[at + 7 * hop]!
    let gravityZ = samples[at + 8 * hop]!
    const length = Math.hypot(gravityX, gravityY, gravityZ) || 1
    gravityX /= length
    gravityY /= length
    gravityZ /= length
    // Yaw turns with the rotation about the vertical (gravity points down); its zero is arbitrary.
    const turn = -(rotationX * gravityX + rotationY * gravityY + rotationZ * gravityZ) / this.#profile.rate
    this.#yaw += turn
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
      userAccelerationX: this.#cell('userAccelerationX', samples[at + 3 * hop]!),
      userAccelerationY: this.#cell('userAccelerationY', samples[at + 4 * hop]!),
      userAccelerationZ: this.#cell('userAccelerationZ', samples[at + 5 * hop]!),
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
      userActivityLabel: at < hop / 2 ? this.#before : this.#label,
    }
  }

  #refill(): void {
    this.#before = this.#label
    if (this.#stay <= 0) {
      this.#label =
        pick(this.#profile.transitions[this.#label] ?? {}, this.#random) ??
        this.#profile.labels[Math.floor(this.#random() * this.#profile.labels.length)]!
      this.#stay += this.#dwell()
      this.#template = this.#chooseTemplate()
    } else if (this.#random() < CHANGE) this.#template = this.#chooseTemplate()
    this.#stay -= this.#synthesis.hop
    this.#synthesis.next(this.#template, this.#random, this.#tail, this.#samples)
    this.#at = 0
  }

  #chooseTemplate(): Template {
    const templates = this.#person.get(this.#label)!
    return templates[Math.floor(this.#random() * templates.length)]!
  }

  /** Samples to spend in the activity: log-normal, with the profile's mean and standard deviation. */
  #dwell(): number {
    const { mean, std } = this.#profile.dwell[this.#label]!
    const variance = Math.log(1 + (std / mean) ** 2)
    return this.#profile.rate * mean * Math.exp(Math.sqrt(variance) * normal(this.#random) - variance / 2)
  }

  /** To four decimals, as recordings are; + 0 makes 0 of -0. */
  #cell(column: string, value: number): number | null {
    return this.#isMissing(column) ? null : Math.round(value * 10_000) / 10_000 + 0
  }

  #isMissing(column: string): boolean {
    const share = this.#missing.get(column)
    return share !== undefined && this.#random() < share
  }
}
