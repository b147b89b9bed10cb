import { glueCatalog } from '../../lake/glue/catalog.ts'
import { type Registered, registerTables } from '../../lake/glue/register-table.ts'
import { printJson } from '../table.ts'

export async function register(
  table: string,
  url: string,
  { database, json }: { readonly database: string; readonly json?: boolean },
): Promise<void> {
  const catalog = glueCatalog(database)
  try {
    for (const done of await registerTables(catalog, new Map([[table, url]])))
      if (json) printJson(done)
      else console.log(registeredInWords(done))
  } finally {
    catalog.close()
  }
}

export function registeredInWords({
  table,
  location,
  created,
  columnsAdded,
  partitions,
}: Registered): string {
  const { added, changed, removed } = partitions
  const changes = [
    created ? 'made' : '',
    columnsAdded.length > 0 ? `new columns ${columnsAdded.join(', ')}` : '',
    added > 0 ? `${added} partitions added` : '',
    changed > 0 ? `${changed} changed` : '',
    removed > 0 ? `${removed} removed` : '',
  ].filter(Boolean)
  return `${table} in Glue is ${location}: ${changes.join(', ') || 'as it was'}`
}
