/** What the pages of scripts and of clusters say alike. */
import { element } from './elements.js'
import * as format from './format.js'

/** 2026-03-01 12:00:05, in UTC. */
export function when(at) {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(0, 19).replace('T', ' ') : '–'
}

/** From a time to another, or to now. */
export function lasted(from, to) {
  return Number.isFinite(from) ? format.duration((to ?? Date.now()) - from) : '–'
}

const kinds = {
  RUNNING: 'good',
  WAITING: 'good',
  COMPLETED: 'good',
  STARTING: 'waits',
  BOOTSTRAPPING: 'waits',
  PENDING: 'waits',
  CANCEL_PENDING: 'waits',
  TERMINATING: 'waits',
  FAILED: 'failed',
  CANCELLED: 'failed',
  INTERRUPTED: 'failed',
  TERMINATED_WITH_ERRORS: 'failed',
}

/** A state of EMR. */
export function chip(state) {
  return element(
    'span',
    { class: `chip ${kinds[state] ?? ''}` },
    state.toLowerCase().replaceAll('_', ' ') || '–',
  )
}

/** What went wrong and what to do, in one line. */
export function troubleOf({ message, remedy, status }) {
  if (status === 401) return ''
  return remedy === undefined ? message : `${message}. ${remedy}`
}

/** Calls `look` now, and again some seconds after it ended, while the page is seen. */
export async function follow(look, milliseconds) {
  if (document.visibilityState === 'visible') await look()
  setTimeout(() => follow(look, milliseconds), milliseconds)
}
