import type { StoreQueries } from '../../topology/index.ts'

const never = (): Promise<never> => Promise.reject(new Error('not in this test'))

/** For tests that ask nothing of stores. */
export const noQueries: StoreQueries = {
  node: 'none',
  get: never,
  range: never,
  windows: never,
  allWindows: never,
  stores: () => [],
  ownerOf: never,
  owners: never,
  nodes: () => [],
}
