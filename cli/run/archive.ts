/** The archive of a node, and its table in Glue where one is asked for. */
import { openStore } from '../../lake/open-store.ts'
import { type Archive, type ArchiveOptions, startArchive } from '../../processors/archive/archive.ts'
import { registerArchive } from '../../processors/archive/archive-table.ts'
import { applicationId, topics } from '../../processors/topics.ts'
import type { SensorReading } from '../../schemas/index.ts'
import type { Serde } from '../../topology/index.ts'
import type { RunOptions } from './options.ts'

/** @throws LakeError OBJECT_STORE_URL_INVALID */
export async function openArchive(
  place: string,
  { archiveEvery, archiveDatabase }: RunOptions,
  node: Pick<ArchiveOptions, 'log' | 'clientId' | 'timers' | 'logger'> & {
    readonly readings: Serde<SensorReading>
  },
): Promise<Archive> {
  const { readings, ...rest } = node
  const store = await openStore(place)
  const table = archiveDatabase === undefined ? undefined : await openTable(place, archiveDatabase, node)
  const archive = startArchive({
    ...rest,
    store,
    topic: topics.readings,
    group: `${applicationId}-archive`,
    decode: value => readings.deserialize(value),
    ...(archiveEvery !== undefined && { offsetsPerFile: archiveEvery }),
    ...(table !== undefined && { onFile: table.written }),
  })
  return {
    status: () => archive.status(),
    drained: () => archive.drained(),
    async close() {
      await archive.close()
      await table?.close()
      await store.close()
    },
  }
}

async function openTable(
  place: string,
  database: string,
  { timers, logger }: Pick<ArchiveOptions, 'timers' | 'logger'>,
) {
  const { glueCatalog } = await import('../../lake/glue/catalog.ts')
  const catalog = glueCatalog(database)
  const store = await openStore(`${place.replace(/\/+$/, '')}/data`)
  const table = registerArchive({ catalog, store, timers, logger })
  return {
    written: (key: string) => table.written(key),
    async close() {
      await table.close()
      catalog.close()
      await store.close()
    },
  }
}
