import type { Command } from 'commander'

/**
 * The commands, in the order in which `--help` shows them. Each has a file of its own that is loaded only when the
 * command is run, and that exports `define`: it adds arguments, options and the action to the command it is given.
 */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<{ readonly define: (command: Command) => void }>
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'run',
    summary: 'run the classifier: readings in, predictions out',
    load: () => import('./run.ts'),
  },
  {
    name: 'models',
    summary: 'publish, sign, promote, shadow, roll back model releases',
    load: () => import('./models.ts'),
  },
  {
    name: 'evaluate',
    summary: 'measure a model release on labelled recordings',
    load: () => import('./evaluate.ts'),
  },
  {
    name: 'replay',
    summary: 'predict the log again: as recorded, or by another release',
    load: () => import('./replay.ts'),
  },
  {
    name: 'annotate',
    summary: 'print where people label windows',
    load: () => import('./annotate.ts'),
  },
  {
    name: 'retrain',
    summary: 'train on what people labelled, and promote what is better',
    load: () => import('./retrain.ts'),
  },
  {
    name: 'retraining',
    summary: 'begin and end a retraining on EMR, for a schedule',
    load: () => import('./retraining.ts'),
  },
  {
    name: 'dead-letters',
    summary: 'list, show and replay records that were given up',
    load: () => import('./dead-letters.ts'),
  },
  {
    name: 'topics',
    summary: 'list topics on Kafka, and an application’s lag',
    load: () => import('./topics.ts'),
  },
  {
    name: 'reset',
    summary: 'make an application begin anew',
    load: () => import('./reset.ts'),
  },
  {
    name: 'doctor',
    summary: 'look at what a node needs, and say what to do',
    load: () => import('./doctor.ts'),
  },
  { name: 'generate', summary: 'write generated recordings', load: () => import('./generate.ts') },
  {
    name: 'stage',
    summary: 'bring recordings from the web or disk into the lake',
    load: () => import('./stage.ts'),
  },
  { name: 'emr', summary: 'run Spark jobs on EMR', load: () => import('./emr.ts') },
  {
    name: 'warehouse',
    summary: 'register tables of the lake in Glue, load them into SQL',
    load: () => import('./warehouse.ts'),
  },
  { name: 'describe', summary: 'print the topology', load: () => import('./describe.ts') },
  { name: 'broker', summary: 'run a Kafka broker for development', load: () => import('./broker.ts') },
]
