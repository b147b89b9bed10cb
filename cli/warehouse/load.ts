import { glueCatalog } from '../../lake/glue/catalog.ts'
import { openStore } from '../../lake/open-store.ts'
import { openPostgres } from '../../processors/sinks/postgres.ts'
import { openRedshift } from '../../processors/sinks/redshift.ts'
import { type LoadReport, loadTable } from '../../processors/warehouse/load-table.ts'
import { postgresWarehouse } from '../../processors/warehouse/postgres-warehouse.ts'
import { redshiftWarehouse } from '../../processors/warehouse/redshift-warehouse.ts'
import type { Warehouse } from '../../processors/warehouse/warehouse.ts'
import { failed } from '../report-error.ts'
import { stopSignal } from '../stop-signal.ts'
import { printJson } from '../table.ts'

interface LoadOptions {
  readonly database: string
  readonly sql: string
  readonly json?: boolean
}

/** Milliseconds between two lines of progress. */
const SAID_EVERY = 5_000

export async function load(table: string, { database, sql: url, json }: LoadOptions): Promise<void> {
  const catalog = glueCatalog(database)
  const warehouse = await openWarehouse(url)
  let said = Date.now()
  try {
    const report = await loadTable(table, {
      catalog,
      warehouse,
      open: openStore,
      now: Date.now,
      signal: stopSignal(),
      onProgress(done, total) {
        if (Date.now() - said < SAID_EVERY) return
        said = Date.now()
        process.stderr.write(`${done} of ${total} partitions\n`)
      },
    })
    if (json) printJson(report)
    else console.log(inWords(report, warehouse.sql.description))
    if (report.left > 0) process.exitCode = failed
  } finally {
    await warehouse.sql.close()
    catalog.close()
  }
}

/** @throws ApplicationError SQL_… */
async function openWarehouse(url: string): Promise<Warehouse> {
  if (!url.startsWith('redshift:')) return postgresWarehouse(await openPostgres(url))
  const sql = await openRedshift(url)
  return redshiftWarehouse(sql, sql.role)
}

function inWords({ table, loaded, unchanged, removed, rows, left }: LoadReport, where: string): string {
  const parts = [
    `${rows} rows of ${loaded} partitions loaded`,
    `${unchanged} as they were`,
    ...(removed > 0 ? [`${removed} removed`] : []),
    ...(left > 0 ? [`${left} left: run the command again`] : []),
  ]
  return `${table} in ${where}: ${parts.join(', ')}`
}
