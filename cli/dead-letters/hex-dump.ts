/** Bytes of which one line is shown, and of all. */
const WIDTH = 16
const LIMIT = 4096

/** Bytes for a person: as text where they are text, else as `hexdump -C` shows them. At most 4 KiB of them. */
export function hexDump(bytes: Buffer | null): string[] {
  if (bytes === null) return ['null']
  const shown = bytes.subarray(0, LIMIT)
  const rest = bytes.length > LIMIT ? [`… ${bytes.length - LIMIT} bytes more; --json has all`] : []
  const text = shown.toString('utf8')
  // What cannot be printed, or is no UTF-8, would not come through a terminal.
  if (Buffer.from(text, 'utf8').equals(shown) && !/[^\P{C}\n\t]/u.test(text))
    return [...text.split('\n'), ...rest]
  const lines: string[] = []
  for (let at = 0; at < shown.length; at += WIDTH) lines.push(line(shown.subarray(at, at + WIDTH), at))
  return [...lines, ...rest]
}

function line(bytes: Buffer, at: number): string {
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' ')
  const text = [...bytes]
    .map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'))
    .join('')
  return `${at.toString(16).padStart(8, '0')}  ${hex.padEnd(3 * WIDTH - 1)}  |${text}|`
}
