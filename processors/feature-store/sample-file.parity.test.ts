import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodeSamples } from './sample-file.ts'

const python = process.env.PYSPARK_PYTHON ?? 'python3'
const reason =
  spawnSync(python, ['-c', 'import pyarrow']).status === 0 ? undefined : `no ${python} with pyarrow`

const script = `
import sys, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
[row] = table.to_pylist()
print(table.schema.field("features").type, table.schema.field("window_start").type)
print(row["device_id"], row["window_start"].isoformat(), row["label"], row["features"], row["offset"])
`

describe.skipIf(reason)(`files of the feature store${reason ? ` (${reason})` : ''}`, () => {
  it('are read by Arrow as they were written', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sample-file-'))
    const file = join(directory, 'a.parquet')
    await writeFile(
      file,
      encodeSamples([
        {
          deviceId: 'w1',
          windowStart: Date.UTC(2026, 0, 1, 0, 0, 2, 500),
          windowEnd: Date.UTC(2026, 0, 1, 0, 0, 7, 500),
          verdict: 'cannotTell',
          label: null,
          annotator: 'anna',
          annotatedAt: 1_800_000_000_000,
          arm: 'random',
          predicted: 'walking',
          modelName: 'watch',
          modelVersion: '1.0.0',
          featureSchemaHash: 'abc',
          features: [0.5, Math.fround(1 / 3), -1e30],
          logId: 'log',
          partition: 3,
          offset: 2 ** 40,
        },
      ]),
    )
    const { stdout, stderr } = spawnSync(python, ['-c', script, file], { encoding: 'utf8' })
    await rm(directory, { recursive: true })
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual([
      'list<element: float not null> timestamp[ms, tz=UTC]',
      `w1 2026-01-01T00:00:02.500000+00:00 None [0.5, ${Math.fround(1 / 3)}, ${Math.fround(-1e30)}] ${2 ** 40}`,
    ])
  })
})
