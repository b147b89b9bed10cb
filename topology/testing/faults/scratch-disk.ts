/** A small disk that can be filled up: a tmpfs, which needs root. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const MEGABYTES = 160

export interface ScratchDisk {
  /** Takes all the room that is left. */
  fill(): void
  /** Gives it back. */
  free(): void
  remove(): void
}

/** Mounts one at a directory that does not exist yet; undefined where that is not allowed. */
export function mountScratchDisk(directory: string): ScratchDisk | undefined {
  mkdirSync(directory, { recursive: true })
  const words = ['-t', 'tmpfs', '-o', `size=${MEGABYTES}m`, 'tmpfs', directory]
  if (spawnSync('mount', words, { stdio: 'ignore' }).status !== 0) return undefined
  const ballast = join(directory, 'ballast')
  const free = () => rmSync(ballast, { force: true })
  return {
    fill() {
      const file = openSync(ballast, 'a')
      try {
        // Ever smaller pieces, until not one byte has room.
        for (let size = 1 << 20; size >= 1; size = Math.floor(size / 4)) {
          try {
            for (;;) if (writeSync(file, Buffer.alloc(size)) < size) break
          } catch (error) {
            if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
          }
        }
      } finally {
        closeSync(file)
      }
    },
    free,
    remove() {
      free()
      spawnSync('umount', ['-l', directory], { stdio: 'ignore' })
    },
  }
}
