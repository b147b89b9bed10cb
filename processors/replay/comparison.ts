/** Two runs' predictions beside each other: matched by device and window, counted where they differ. */
import type { Prediction } from '../../schemas/index.ts'
import { ApplicationError } from '../errors.ts'

/** Predictions that wait for their counterpart; runs that are further apart are not of the same readings. */
const UNMATCHED = 200_000

/** A window that the two runs predicted otherwise. */
export interface Difference {
  readonly recorded: Prediction
  readonly replayed: Prediction
}

/** Is told of each window that both runs have. */
export interface Pairs {
  /** Predicted alike in every field, bit by bit. */
  identical(): void
  different(difference: Difference): void
}

export class Comparison {
  readonly #pairs: Pairs
  /** By window, in the order in which they came. */
  readonly #recorded = new Map<string, Prediction>()
  readonly #replayed = new Map<string, Prediction>()

  constructor(pairs: Pairs) {
    this.#pairs = pairs
  }

  /** @throws ApplicationError REPLAY_DIVERGED */
  recorded(prediction: Prediction): void {
    const replayed = this.#take(this.#replayed, this.#recorded, prediction)
    if (replayed !== undefined) this.#compare(prediction, replayed)
  }

  /** @throws ApplicationError REPLAY_DIVERGED */
  replayed(prediction: Prediction): void {
    const recorded = this.#take(this.#recorded, this.#replayed, prediction)
    if (recorded !== undefined) this.#compare(recorded, prediction)
  }

  /** Recorded, without a counterpart: what the replay did not bring, or what was recorded a second time. */
  get missing(): number {
    return this.#recorded.size
  }

  /** Replayed, without a counterpart. */
  get added(): number {
    return this.#replayed.size
  }

  #take(
    others: Map<string, Prediction>,
    own: Map<string, Prediction>,
    prediction: Prediction,
  ): Prediction | undefined {
    const window = `${prediction.windowStart} ${prediction.deviceId}`
    const other = others.get(window)
    if (other !== undefined) {
      others.delete(window)
      return other
    }
    // One that was there twice keeps both.
    own.set(own.has(window) ? `${window} ${own.size}` : window, prediction)
    if (own.size > UNMATCHED)
      throw new ApplicationError('REPLAY_DIVERGED', `${UNMATCHED} windows of one run have none in the other`)
    return undefined
  }

  #compare(recorded: Prediction, replayed: Prediction): void {
    if (isSame(recorded, replayed)) this.#pairs.identical()
    else this.#pairs.different({ recorded, replayed })
  }
}

/** Numbers are written so that they are read back bit by bit. */
function isSame(a: Prediction, b: Prediction): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
