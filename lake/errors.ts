/** What can go wrong with what is kept outside the log, and what to do. Programs match on `code`. */
const table = {
  OBJECT_STORE_URL_INVALID: 'Name a directory (file:///var/lake) or a bucket (s3://bucket/prefix).',
  OBJECT_KEY_INVALID: 'A key is made of names separated by "/", none of them empty, "." or "..".',
  OBJECT_EXISTS: 'It was written before, and is never overwritten: read what it holds.',
  OBJECT_MISSING: 'List what there is; it may have been deleted, or its writer not have come so far.',
  OBJECT_TOO_LARGE: 'Read it in parts: stream it, or ask for a range.',
  SOURCE_MISSING: 'Check the path.',
  SOURCE_TWICE: 'Stage them one after the other, each with another --prefix.',
  SOURCE_UNREACHABLE:
    'Check the address and the network, and run the command again: it goes on where it was.',
  SOURCE_REFUSED: 'Check the address, and whether the server wants a login for it.',
  SOURCE_WITHOUT_RANGES: 'Fetch the file with another program, and stage the local copy.',
  SOURCE_CHANGED: 'Run the command again: what had been staged of the old file is replaced.',
  SOURCE_UNREADABLE: 'Check the disk; run the command again: it goes on where it was.',
  ARCHIVE_INVALID:
    'The archive is damaged or no zip file: fetch it again, and compare its checksum with the source.',
  ARCHIVE_ENTRY_UNSUPPORTED:
    'Unpack it with another program, and stage the files: only stored and deflated entries are read.',
  PARQUET_INVALID: 'It is damaged, or no Parquet: let the job that wrote it write it again.',
  TABLE_EMPTY: 'Check the address, and whether the job that writes it has run.',
  TABLE_FOLDERS_MIXED:
    'Keep one table in one place: all its files in folders of the same names (name=value), or all in none.',
  TABLE_COLUMNS_ALIKE: 'Rename one of them: Glue does not tell upper from lower case.',
  TABLE_MISSING:
    'Run the job that writes it, or tickerwatch warehouse register; check AWS_REGION and the name of the database.',
  TABLE_ELSEWHERE:
    'Register it in another database of Glue (--database), or delete that table in Glue; its files stay.',
  TABLE_INCOMPATIBLE:
    'Write the columns as they were (new ones may be added), or delete the table in Glue and register it again; its files stay.',
  S3_BUCKET_MISSING: 'Create the bucket, or correct its name; names are global, and buckets are not moved.',
  AWS_ACCESS_DENIED:
    'Give these credentials the rights that lake/README.md lists, on the bucket and its objects or on the database of Glue; those for EMR are in spark-jobs/submit/README.md.',
  AWS_REGION_WRONG: 'Set AWS_REGION to the region in which the bucket is.',
  AWS_REGION_MISSING: 'Set AWS_REGION, such as eu-central-1.',
  AWS_CREDENTIALS_MISSING:
    'Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role.',
  AWS_CREDENTIALS_EXPIRED: 'Log in anew: temporary credentials last some hours.',
  AWS_CREDENTIALS_INVALID: 'Check the access key, its secret, and the clock of this machine.',
  AWS_CHANGED_MEANWHILE: 'Another process changed it at the same moment: run the command again.',
  AWS_UNREACHABLE:
    'Check the network, the region, and AWS_ENDPOINT_URL if it is set; it was tried several times.',
  AWS_REFUSED: 'See the message; the service refused the request.',
} as const satisfies Record<string, string>

export type LakeErrorCode = keyof typeof table

/** `message` says what happened, in one line; `remedy` what to do. */
export class LakeError extends Error {
  readonly code: LakeErrorCode
  constructor(code: LakeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LakeError'
    this.code = code
  }

  get remedy(): string {
    return table[this.code]
  }
}
