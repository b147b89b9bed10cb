/** Classifiers kept loaded: those used last, and one that must stay. */
import type { Classifier } from './classifier.ts'

/** The one in force, and others that tasks still score with. */
const LOADED = 4

export class LoadedModels {
  readonly #load: (version: string) => Promise<Classifier>
  /** By version; the one used last comes last. */
  readonly #loaded = new Map<string, Promise<Classifier>>()

  constructor(load: (version: string) => Promise<Classifier>) {
    this.#load = load
  }

  /** Loads it if need be; `kept` is not closed for it. @throws what loading throws; it is tried again the next time */
  async get(version: string, kept: string | undefined): Promise<Classifier> {
    const loaded = this.#loaded.get(version) ?? this.#load(version)
    this.#loaded.delete(version)
    this.#loaded.set(version, loaded)
    try {
      return await loaded
    } catch (error) {
      if (this.#loaded.get(version) === loaded) this.#loaded.delete(version)
      throw error
    } finally {
      this.#closeUnused(kept)
    }
  }

  async close(): Promise<void> {
    const loaded = [...this.#loaded.values()]
    this.#loaded.clear()
    for (const classifier of await Promise.allSettled(loaded)) {
      if (classifier.status === 'fulfilled') await classifier.value.close()
    }
  }

  #closeUnused(kept: string | undefined): void {
    for (const [version, classifier] of this.#loaded) {
      if (this.#loaded.size <= LOADED) return
      if (version === kept) continue
      this.#loaded.delete(version)
      // One that could not be loaded has told whoever asked for it.
      classifier.then(unused => unused.close()).catch(() => {})
    }
  }
}
