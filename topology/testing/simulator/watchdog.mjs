/** The thread that watchdog.ts starts: it looks on while the other one may be unable to do anything. */
import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

const { shared, limit } = workerData
const progress = new Int32Array(shared)

while (true) {
  const [count, seed] = [Atomics.load(progress, 0), Atomics.load(progress, 1)]
  if (Atomics.wait(progress, 0, count, limit) !== 'timed-out') continue
  writeSync(
    2,
    `seed ${seed} hangs: nothing went on for ${limit} ms\nagain: npm run simulate -- --from ${seed} --seeds 1\n`,
  )
  process.kill(process.pid, 'SIGKILL')
}
