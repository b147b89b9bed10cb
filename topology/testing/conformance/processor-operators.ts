/** Processors, with the stores that they keep or share. */
import { type Build, only } from './context.ts'
import { process, processValues } from './functions/processors.ts'

export const processorOperators: Readonly<Record<string, Build>> = {
  'stream.process': only('process', (node, { builder, name, stream, define, shared }) => {
    define(node.id, process(node.fn, { builder, name, from: stream(node.from), store: node.store, shared }))
  }),
  'stream.processValues': only('processValues', (node, { name, stream, define }) => {
    define(node.id, processValues(node.fn, { name, from: stream(node.from) }))
  }),
}
