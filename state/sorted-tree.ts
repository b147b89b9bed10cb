/** The B+ tree of the resident stores: sorted entries, whose `clone()` is a snapshot in constant time, copied on write. */
import { createRequire } from 'node:module'
import type sortedBTree from 'sorted-btree'

export type SortedTree<K, E> = sortedBTree.default<K, E>

// Loaded by `require`: the package is CommonJS with a default export, which Node and Vitest import differently.
const { default: BTree }: typeof sortedBTree = createRequire(import.meta.url)('sorted-btree')

export function sortedTree<K, E>(compare: (a: K, b: K) => number): SortedTree<K, E> {
  return new BTree<K, E>(undefined, compare)
}

/** Numbers by size, byte strings by their bytes, unsigned. */
export function ascendingOrder<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
