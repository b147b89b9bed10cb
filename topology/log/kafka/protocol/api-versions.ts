/** ApiVersions v0: which requests a broker takes, and in which versions. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

/** The highest version of each request, by its key. */
export type ApiVersions = ReadonlyMap<number, number>

export const apiVersionsRequest: Request<ApiVersions> = {
  apiKey: 18,
  apiVersion: 0,
  apiName: 'ApiVersions',
  body: new Writer().build(),
  decode(answer) {
    const scanner = new Scanner(answer)
    const errorCode = scanner.int16()
    if (errorCode !== 0) throw createErrorFromCode(errorCode)
    const versions = scanner.array((): [number, number] => {
      const apiKey = scanner.int16()
      scanner.int16() // the lowest version
      return [apiKey, scanner.int16()]
    })
    return new Map(versions)
  },
}
