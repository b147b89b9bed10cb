declare module 'snappyjs' {
  export function compress(bytes: Buffer): Buffer
  const snappy: { compress: typeof compress }
  export default snappy
}

declare module 'lz4' {
  export function encode(bytes: Buffer, options?: { streamChecksum?: boolean }): Buffer
  const lz4: { encode: typeof encode }
  export default lz4
}
