/** The columns of a Parquet file, with the types that Hive, and so Glue, calls them by. */
import { type FileMetaData, parquetSchema, type SchemaTree } from 'hyparquet'

export interface Column {
  /** In lower case, as Hive has them. */
  readonly name: string
  /** Such as `bigint`, `array<float>` or `struct<weight:double,mean:array<double>>`. */
  readonly type: string
}

export function columnsOf(metadata: FileMetaData): Column[] {
  return parquetSchema(metadata).children.map(field)
}

function field(tree: SchemaTree): Column {
  const { name, repetition_type } = tree.element
  // A repeated field outside of a list is one: Parquet, "Backward-compatibility rules".
  const type = repetition_type === 'REPEATED' ? `array<${typeOf(tree)}>` : typeOf(tree)
  return { name: name.toLowerCase(), type }
}

function typeOf(tree: SchemaTree): string {
  const { children, element } = tree
  if (children.length === 0) return primitive(tree)
  const kind = element.logical_type?.type ?? element.converted_type
  const [repeated] = children
  if (kind === 'LIST' && repeated !== undefined) {
    const [item] = repeated.children
    const isWrapper = repeated.children.length === 1 && !/^array$|_tuple$/.test(repeated.element.name)
    return `array<${item !== undefined && isWrapper ? typeOf(item) : typeOf(repeated)}>`
  }
  if ((kind === 'MAP' || kind === 'MAP_KEY_VALUE') && repeated !== undefined) {
    const [key, value] = repeated.children
    if (key !== undefined && value !== undefined) return `map<${typeOf(key)},${typeOf(value)}>`
  }
  const fields = children.map(field).map(({ name, type }) => `${name}:${type}`)
  return `struct<${fields.join(',')}>`
}

function primitive({ element }: SchemaTree): string {
  const { type, logical_type: logical, converted_type: converted, precision = 0, scale = 0 } = element
  if (logical?.type === 'DECIMAL') return `decimal(${logical.precision},${logical.scale})`
  if (converted === 'DECIMAL') return `decimal(${precision},${scale})`
  const kind = logical?.type ?? converted
  switch (type) {
    case 'BOOLEAN':
      return 'boolean'
    case 'INT32':
      if (kind === 'DATE') return 'date'
      if (converted === 'INT_8') return 'tinyint'
      if (converted === 'INT_16') return 'smallint'
      return 'int'
    case 'INT64':
      return kind === 'TIMESTAMP' || converted?.startsWith('TIMESTAMP') ? 'timestamp' : 'bigint'
    case 'INT96':
      return 'timestamp'
    case 'FLOAT':
      return 'float'
    case 'DOUBLE':
      return 'double'
    default:
      return ['STRING', 'UTF8', 'ENUM', 'JSON'].includes(kind ?? '') ? 'string' : 'binary'
  }
}
