/**
 * The thread PGlite runs in: one statement after the other, as asked by `pglite.ts`, which has the messages' types.
 * Plain JavaScript, because a worker thread does not inherit what makes the main thread understand TypeScript.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'

const database = new PGlite(workerData.dataDir)
await database.waitReady

parentPort.on('message', async request => {
  if (request === 'close') {
    await database.close()
    parentPort.close()
  } else parentPort.postMessage(await answer(request))
})

async function answer({ id, text, params, blob }) {
  try {
    const { rows, affectedRows } = await database.query(text, params, blob && { blob: new Blob([blob]) })
    return { id, rows, affected: affectedRows ?? 0 }
  } catch (error) {
    // An error loses its fields between threads; these two are all the port needs.
    return { id, error: { message: error.message, code: error.code ?? 'XX000' } }
  }
}
