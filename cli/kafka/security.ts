/** How brokers are reached: TLS, and who says so with SASL. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { KafkaLogOptions } from '../../topology/log/kafka/kafka-log.ts'
import type { KafkaSettings } from '../configuration/settings.ts'
import { CliError } from '../errors.ts'
import { iamToken } from './iam-token.ts'

export type SecuritySettings = Omit<KafkaSettings, 'brokers'>

type Security = Pick<KafkaLogOptions, 'ssl' | 'sasl'>

/** What is wrong with the settings together. */
export function securityMistakes({
  kafkaSasl,
  kafkaUser,
  kafkaPassword,
  kafkaRegion,
}: SecuritySettings): string[] {
  const iam = kafkaSasl === 'aws-msk-iam'
  const login = kafkaSasl !== undefined && !iam
  const mistakes: string[] = []
  if (login && kafkaUser === undefined) mistakes.push(`--kafka-sasl ${kafkaSasl} needs --kafka-user.`)
  if (login && kafkaPassword === undefined)
    mistakes.push(
      `--kafka-sasl ${kafkaSasl} needs TICKERWATCH_KAFKA_PASSWORD, or TICKERWATCH_KAFKA_PASSWORD_FILE with the file that holds it.`,
    )
  if (iam && kafkaRegion === undefined) mistakes.push('--kafka-sasl aws-msk-iam needs --kafka-region.')
  if (!login && kafkaUser !== undefined)
    mistakes.push('--kafka-user belongs to --kafka-sasl scram-sha-512, scram-sha-256 or plain.')
  if (!iam && kafkaRegion !== undefined) mistakes.push('--kafka-region belongs to --kafka-sasl aws-msk-iam.')
  return mistakes
}

/**
 * SASL is always over TLS: whoever listens would learn a password, or all that is said in its name.
 * @param settings without mistakes
 * @throws CliError FILE_UNREADABLE, KAFKA_CA_INVALID; LakeError AWS_CREDENTIALS_…
 */
export async function kafkaSecurity(settings: SecuritySettings): Promise<Security> {
  const { kafkaTls, kafkaCa, kafkaSasl: mechanism, kafkaUser = '', kafkaPassword = '' } = settings
  if (!kafkaTls && kafkaCa === undefined && mechanism === undefined) return {}
  const ssl = kafkaCa === undefined ? true : { ca: await certificates(kafkaCa) }
  if (mechanism === undefined) return { ssl }
  if (mechanism !== 'aws-msk-iam')
    return { ssl, sasl: { mechanism, username: kafkaUser, password: kafkaPassword } }
  const token = iamToken({ region: settings.kafkaRegion ?? '', now: Date.now })
  // What is wrong with the credentials is told here; the Kafka client would take it for a broker's refusal.
  await token()
  return {
    ssl,
    sasl: { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await token() }) },
  }
}

/** Node takes what is no certificate for none at all, and says later that it trusts nobody. */
async function certificates(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(cause => {
    throw new CliError('FILE_UNREADABLE', `${path} cannot be read: ${cause.message}`, { cause })
  })
  try {
    new X509Certificate(text)
  } catch (cause) {
    throw new CliError('KAFKA_CA_INVALID', `${path} holds no certificate in PEM`, { cause })
  }
  return text
}
