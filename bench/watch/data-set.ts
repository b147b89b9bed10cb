/**
 * The input of the watch workload, and what must come out of it. Two sizes have their outputs committed; whoever uses them
 * checks the bytes of both first. For any other size the oracle runs.
 */
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { run } from '../program.ts'
import { generate } from './input.ts'

export const peerSource = join(import.meta.dirname, '../kafka-streams')

/** By the number of records: sha256 of the input, of the outputs, and where these are. */
const committed: Readonly<Record<number, { input: string; outputs: string; file: string }>> = {
  2000000: {
    input: '978673ec929dd2ff7ca1c016e818f0a56693c97e4e9ffe7399126e878f14b2ed',
    outputs: '267f0320582e4f3b7a78fdf190ed7bbb5a8c9f95b23ac32b96d05867c1f8cf6c',
    file: 'expected-2500.csv',
  },
  6000000: {
    input: '0e91d70d7082eb356a491cc1cadeee0292832929c3a5d57a8e923b70817c8901',
    outputs: 'bd43c2bd28040e83aaf1401665095bff92d853fa26f07cb2b9e3bc43d612c50f',
    file: 'expected-2500-6000000.csv.br',
  },
}

export interface DataSet {
  /** The input, as `watch.Loader` reads it. */
  readonly input: string
  /** A directory as the checker wants it: what must come out, and the model. */
  readonly oracle: string
  readonly model: string
}

/** @throws when the generated input, or the committed outputs, are not those that belong together */
export async function dataSet(
  records: number,
  directory: string,
  { python, signal }: { readonly python: string; readonly signal: AbortSignal },
): Promise<DataSet> {
  const input = join(directory, `watch-${records}.bin`)
  const oracle = join(directory, 'oracle')
  const model = join(directory, 'model.onnx')
  mkdirSync(oracle, { recursive: true })
  writeFileSync(model, gunzipSync(readFileSync(join(peerSource, 'model.onnx.gz'))))
  await generate(input, { records, signal })
  const known = committed[records]
  if (known === undefined) {
    const words = [join(peerSource, 'bench/oracle.py'), input, oracle, '--model', model, '--advance', '2500']
    await run(python, words, { signal })
    return { input, oracle, model }
  }
  const hash = createHash('sha256')
  await pipeline(createReadStream(input), hash)
  expectSum(`the generated input of ${records} records`, hash.digest('hex'), known.input)
  writeFileSync(join(oracle, 'expected-2500.csv'), committedOutputs(records))
  return { input, oracle, model }
}

/** What must come out of one of the sizes above. @throws when it is not what was committed */
export function committedOutputs(records: number): Buffer {
  const { outputs, file } = committed[records]!
  const bytes = readFileSync(join(peerSource, 'oracle', file))
  const csv = file.endsWith('.br') ? brotliDecompressSync(bytes) : bytes
  expectSum(`oracle/${file}`, createHash('sha256').update(csv).digest('hex'), outputs)
  return csv
}

function expectSum(what: string, found: string, expected: string): void {
  if (found !== expected) throw new Error(`${what} has the sha256 ${found}, not ${expected}`)
}
