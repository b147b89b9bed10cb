/**
 * Writes docs/configuration.md from the table of settings: `npm run generate`. A test compares the two, so that neither
 * changes alone.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { commands } from '../commands.ts'
import { settingsOf } from './configure.ts'
import { keyOf, type SettingName, settingNames, settings, variableOf } from './settings.ts'
import { defaultFile, fileVariable } from './sources.ts'

export const referencePath = join(import.meta.dirname, '../../docs/configuration.md')

const introduction = `# Configuration

<!-- Written by cli/configuration/reference.ts from cli/configuration/settings.ts: npm run generate -->

A setting is given as a flag, as a variable of the environment or in a file. A flag counts before the environment, the
environment before the file, the file before the default. All that is wrong with them is printed at once, each mistake with
the name by which the setting was given, and the exit code is 2.

The file is \`${defaultFile}\` in the working directory, if it is there, or the one that \`--settings\` or \`${fileVariable}\`
names. It is YAML (or JSON): the flags without their dashes, and one file serves all commands.

\`\`\`yaml
brokers: [kafka-1:9092, kafka-2:9092]
registry: http://registry:8080/apis/ccompat/v7
archive: s3://my-lake/archive
annotations-per-hour: 60
\`\`\`

A list is one in the file; flags and variables separate its items by commas. An empty variable counts as absent. Where brokers
are set, \`models\`, \`dead-letters\` and \`replay\` go to Kafka itself, else through the node that runs with \`state\`.

A *secret* is never printed. It should not be a flag, which every user of the machine can see; instead of the variable
itself, the same name with \`_FILE\` behind it may name a file that holds it, as Docker and Kubernetes mount secrets.
`

const others = `
## Kafka with TLS and SASL

    TICKERWATCH_KAFKA_PASSWORD_FILE=password tickerwatch run --brokers b-1.example.org:9096 \\
      --kafka-sasl scram-sha-512 --kafka-user activity --replication-factor 3
    tickerwatch run --brokers b-1.example.org:9098 --kafka-sasl aws-msk-iam --kafka-region eu-central-1

With \`aws-msk-iam\` each login is signed with the credentials that AWS's clients find, and lasts for at most 15 minutes; it is
renewed before that, on the same connection. A node needs these rights (kafka-acls; for IAM on Amazon MSK with
\`kafka-cluster:\` before them):

| of | ACL | IAM |
|---|---|---|
| cluster | Describe, IdempotentWrite | Connect, DescribeCluster, WriteDataIdempotently |
| topics \`ticker-watch-data\`, \`activity-*\` and the others that doctor names | Create, Describe, DescribeConfigs, Read, Write, Delete | CreateTopic, DescribeTopic, DescribeTopicDynamicConfiguration, ReadData, WriteData, DeleteTopic |
| groups \`activity*\` | Describe, Read, Delete | DescribeGroup, AlterGroup, DeleteGroup |
| transactional ids \`activity*\` | Describe, Write | DescribeTransactionalId, AlterTransactionalId |

## Of others

AWS is reached as its own clients are: \`AWS_REGION\`, \`AWS_ACCESS_KEY_ID\`, \`AWS_SECRET_ACCESS_KEY\`, \`AWS_PROFILE\`,
\`AWS_ENDPOINT_URL_S3\` and the rest of the AWS SDK's variables. \`tickerwatch retrain\` takes its Python from
\`PYSPARK_PYTHON\`. Clusters on EMR have a file of their own: [spark-jobs/submit](../spark-jobs/submit/README.md).
`

/** The whole page. */
export async function reference(): Promise<string> {
  const users = await usersOfSettings()
  const sections = [...new Set(settingNames.map(name => settings[name].section))]
  const parts = sections.map(section => {
    const rows = settingNames
      .filter(name => settings[name].section === section)
      .map(name => row(name, users.get(name) ?? []))
    return `\n## ${section}\n\n| setting | variable | default | what | taken by |\n|---|---|---|---|---|\n${rows.join('')}`
  })
  return `${introduction}${parts.join('')}${others}`
}

function row(name: SettingName, users: readonly string[]): string {
  const { value, default: fallback, otherwise, about, secret, flag: hasFlag } = settings[name]
  const without = otherwise ?? (Array.isArray(fallback) && fallback.length === 0 ? 'none' : `\`${fallback}\``)
  const shown = value === undefined ? '' : ` ${value.replaceAll('|', '\\|')}`
  const flag = hasFlag ? `\`--${keyOf(name)}${shown}\`` : `\`${keyOf(name)}\`, no flag`
  return `| ${flag} | \`${variableOf(name)}\` | ${without} | ${about}${secret ? ' (secret)' : ''} | ${users.join(', ')} |\n`
}

/** The commands that take each. */
async function usersOfSettings(): Promise<ReadonlyMap<SettingName, readonly string[]>> {
  const users = new Map<SettingName, string[]>()
  for (const { name, load } of commands) {
    const command = new Command(name)
    ;(await load()).define(command)
    const taken = new Set([command, ...command.commands].flatMap(settingsOf))
    for (const setting of taken) users.set(setting, [...(users.get(setting) ?? []), name])
  }
  return users
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(referencePath, await reference())
