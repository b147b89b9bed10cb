import { measureAccuracy } from '../../processors/annotation/accuracy.ts'
import type { Annotations } from '../annotation-routes.ts'

/** Of an application that asks nobody. */
export const noAnnotations: Annotations = {
  next: async () => undefined,
  answer: () => Promise.reject(new Error('not in this test')),
  skip: () => Promise.reject(new Error('not in this test')),
  undo: () => Promise.reject(new Error('not in this test')),
  accuracy: question => measureAccuracy([], question),
  status: () => ({
    labelled: 0,
    cannotTell: 0,
    byAnnotator: {},
    byLabel: {},
    waiting: { unsure: 0, random: 0 },
    accuracy: [],
  }),
}
