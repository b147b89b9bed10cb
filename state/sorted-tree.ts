/** The B+ tree of the resident stores: sorted entries, whose `clone()` is a snapshot in constant time, copied on write. */
import { createRequire } from 'node:module'
import type sortedBTree from 'sorted-btree'
import type { bulkLoad } from 'sorted-btree/extended/bulkLoad.js'

export type SortedTree<K, E> = sortedBTree.default<K, E>

// Loaded by `require`: the package is CommonJS with a default export, which Node and Vitest import differently.
const require = createRequire(import.meta.url)
const { default: BTree }: typeof sortedBTree = require('sorted-btree')
const bulk: { bulkLoad: typeof bulkLoad } = require('sorted-btree/extended/bulkLoad.js')

/** The package's own default. */
const NODE_SIZE = 32

export function sortedTree<K, E>(compare: (a: K, b: K) => number): SortedTree<K, E> {
  return new BTree<K, E>(undefined, compare)
}

/** A tree of what is there already, in ascending order of the keys: many times as fast as one by one. */
export function sortedTreeOf<K, E>(
  keys: K[],
  entries: E[],
  compare: (a: K, b: K) => number,
): SortedTree<K, E> {
  return bulk.bulkLoad<K, E>(keys, entries, NODE_SIZE, compare)
}

/** Numbers by size, byte strings by their bytes, unsigned. */
export function ascendingOrder<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
