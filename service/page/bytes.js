/** Bytes for people: as text where they are text, else as `hexdump -C` shows them. */

const width = 16
/** Of so many bytes at most. */
const limit = 4096

/** @param {string | null} base64 */
export function bytesOf(base64) {
  return base64 === null ? null : Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))
}

/** @param {Uint8Array | null} bytes */
export function asText(bytes) {
  if (bytes === null) return 'null'
  if (bytes.length === 0) return '(empty)'
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return /[^\P{C}\n\t]/u.test(text) ? hexDump(bytes) : text.slice(0, limit)
  } catch {
    return hexDump(bytes)
  }
}

/** @param {Uint8Array | null} bytes */
export function hexDump(bytes) {
  if (bytes === null) return 'null'
  if (bytes.length === 0) return '(empty)'
  const lines = []
  for (let at = 0; at < Math.min(bytes.length, limit); at += width) {
    const row = [...bytes.subarray(at, Math.min(at + width, limit))]
    const hex = row.map(byte => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(3 * width - 1)}  |${text}|`)
  }
  if (bytes.length > limit) lines.push(`… ${bytes.length - limit} bytes more`)
  return lines.join('\n')
}
