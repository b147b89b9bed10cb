/**
 * SASL OAUTHBEARER (RFC 7628). kafkajs has it too, but takes a refusal for a success: the broker's first answer is not an error,
 * but holds the reason, and only then is the connection closed.
 */
import type { Mechanism } from 'kafkajs'
import { TickerError } from '../../errors.ts'

/** The size before the bytes of an answer. */
const SIZE = 4
const SEPARATOR = '\u0001'

/** @param token called for each login, also when a session is renewed */
export function oauthBearer(token: () => Promise<{ readonly value: string }>): Mechanism {
  return {
    mechanism: 'OAUTHBEARER',
    authenticationProvider: ({ host, port, saslAuthenticate }) => ({
      async authenticate() {
        const { value } = await token()
        const words = Buffer.from(`n,,${SEPARATOR}auth=Bearer ${value}${SEPARATOR}${SEPARATOR}`)
        const bytes = Buffer.alloc(SIZE + words.length)
        bytes.writeInt32BE(words.length)
        words.copy(bytes, SIZE)
        const answer = await saslAuthenticate({
          request: { encode: () => bytes },
          response: { decode: raw => raw, parse: raw => raw.subarray(SIZE).toString() },
        })
        if (answer)
          throw new TickerError(
            'LOG_UNAUTHENTICATED',
            `the Kafka broker at ${host}:${port} refuses: OAUTHBEARER, ${answer}`,
          )
      },
    }),
  }
}
