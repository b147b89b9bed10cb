/** `tickerwatch describe`: the classifier's topology, without running it. */
import type { Command } from 'commander'

export function define(command: Command): void {
  command.option('--mermaid', 'print a Mermaid flowchart instead of text').action(printTopology)
}

async function printTopology({ mermaid: drawn }: { mermaid?: boolean }): Promise<void> {
  const { activityTopology } = await import('../processors/activity-topology.ts')
  const { featureExtractor } = await import('../processors/features/extract.ts')
  const { defaultPolicy } = await import('../processors/routing/routing.ts')
  const { featureSchema } = await import('../processors/features/schema.ts')
  const { avroSerdes, localRegistry } = await import('../schemas/index.ts')
  const { describe, mermaid } = await import('../topology/index.ts')
  // Described, not run: no release is ever asked for.
  const never = () => Promise.reject(new Error('a topology that is described takes no release'))
  const graph = activityTopology({
    avro: avroSerdes(localRegistry()),
    extractor: featureExtractor(featureSchema),
    release: {
      name: 'release',
      value: {
        name: 'release-id',
        serialize: () => Buffer.alloc(0),
        deserialize: () => ({ name: '', version: '' }),
      },
      offer: () => ({ name: '', version: '' }),
      prepare: never,
    },
    score: never,
    now: Date.now,
    routing: defaultPolicy,
    partitions: 1,
  })
  process.stdout.write(drawn ? mermaid(graph) : describe(graph))
}
