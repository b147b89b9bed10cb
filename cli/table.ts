/** Rows for a person to read. */

/** Lines in which each column begins at the same place. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** A result as `--json` prints it. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2))
}
