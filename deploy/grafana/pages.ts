/** The dashboards. */
import { accuracy } from './pages/accuracy.ts'
import { cluster } from './pages/cluster.ts'
import { lag } from './pages/lag.ts'
import { sinks } from './pages/sinks.ts'
import { state } from './pages/state.ts'
import { throughput } from './pages/throughput.ts'
import type { Page } from './panels.ts'

export const pages: readonly Page[] = [lag, throughput, state, accuracy, sinks, cluster]
