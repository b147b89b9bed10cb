/** COPY of Amazon Redshift: objects of S3 into a table (docs.aws.amazon.com/redshift/latest/dg/r_COPY.html). */

/** The bucket must be in the warehouse's region. */
export interface RedshiftCopy {
  /** As it stands in the statement; a schema may come before it. */
  readonly table: string
  /** As they stand in the statement, in the order in which they are in the file; of Parquet too. */
  readonly columns: readonly string[]
  /**
   * `s3://bucket/key`: all objects whose key begins with it, or with `manifest` those that the object of this
   * key lists, of which each Parquet file's entry needs `meta.content_length`.
   */
  readonly from: string
  readonly manifest?: boolean
  /** ARN of the role that the warehouse reads S3 with; `default` is the one attached to it as such. */
  readonly role: string
  /** `csv gzip`: gzipped CSV as `csv.ts` writes it. */
  readonly format: 'parquet' | 'csv gzip'
  /** Lists, maps and structs of Parquet become values of SUPER. */
  readonly nested?: boolean
}

export function redshiftCopy({ table, columns, from, manifest, role, format, nested }: RedshiftCopy): string {
  return [
    `copy ${table} (${columns.join(', ')})`,
    `from ${literal(from)}`,
    `iam_role ${role === 'default' ? 'default' : literal(role)}`,
    format === 'parquet' ? 'format as parquet' : 'format as csv gzip',
    ...(nested === true ? ['serializetojson'] : []),
    ...(manifest === true ? ['manifest'] : []),
    // What choosing encodings and counting anew costs is too much for a micro-batch; the other kind takes neither.
    ...(format === 'parquet' ? [] : ['compupdate off', 'statupdate off']),
  ].join('\n')
}

/** Unlike PostgreSQL's, Redshift's literals know backslashes. */
function literal(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '$&$&')}'`
}
