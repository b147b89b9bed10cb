/** A program that tells what happens to it in lines `EVENT name epoch-ms detail…`, and what it has used up by then. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type ProgramOptions, start, stop } from './program.ts'

/** Milliseconds to wait for an event. */
const PATIENCE = 300_000
/** A second has so many of the ticks in which /proc tells processor time (USER_HZ), whatever the kernel's clock is. */
const TICKS = 100

export interface Event {
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly detail: readonly string[]
  /** Seconds of processor time the process had used when the event was read. */
  readonly cpu: number
}

export class TellingProgram {
  readonly events: Event[] = []
  readonly #child: ChildProcess
  #wake = (): void => {}
  #ended = false

  constructor(program: string, words: readonly string[], options: ProgramOptions) {
    this.#child = start(program, words, options)
    createInterface({ input: this.#child.stdout! }).on('line', line => {
      const [mark, name = '', at, ...detail] = line.trim().split(' ')
      if (mark !== 'EVENT') return
      this.events.push({ name, at: Number(at), detail, cpu: cpuOf(this.#child.pid!) })
      this.#wake()
    })
    this.#child.once('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** @throws when it has ended, which nobody asked it to */
  expectRunning(): void {
    if (this.#ended) throw new Error(`${this.#child.spawnargs.join(' ')} has ended`)
  }

  /** Waits for the event. @throws when the program ends before, or says nothing of it */
  async event(name: string): Promise<Event> {
    const deadline = performance.now() + PATIENCE
    for (;;) {
      const found = this.events.find(each => each.name === name)
      if (found !== undefined) return found
      if (this.#ended) throw new Error(`${this.#child.spawnargs.join(' ')} ended before ${name}`)
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`${this.#child.spawnargs.join(' ')} says nothing of ${name}`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** A line of its standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  endInput(): void {
    this.#child.stdin?.end()
  }

  async stop(): Promise<void> {
    await stop(this.#child)
  }

  async kill(): Promise<void> {
    await stop(this.#child, 'SIGKILL')
  }
}

/** Seconds of processor time that a process has used; 0 when it is gone. */
export function cpuOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  } catch {
    return 0
  }
}
