/** The console: takes snapshots of the node and hands each part of them to its panel. */
import { showChart } from './chart.js'
import { follow } from './connection.js'
import { byId, setText } from './elements.js'
import * as format from './format.js'
import { showModels } from './models.js'
import { showPredictions } from './predictions.js'
import { showTopology } from './topology.js'

const sum = numbers => numbers.reduce((total, number) => total + number, 0)

function show(snapshot) {
  const { sink, lag } = snapshot
  const predictions = sum(Object.values(snapshot.predictions))
  const figures = {
    log: snapshot.log,
    guarantee: snapshot.guarantee.replaceAll('_', ' '),
    'sql-target': sink.target,
    memory: format.bytes(snapshot.memoryBytes),
    uptime: format.duration(snapshot.at - snapshot.startedAt),
    'readings-per-second': format.rate(snapshot.readingsPerSecond),
    readings: format.count(snapshot.readings),
    lag: format.count(sum(lag.map(partition => Math.max(0, partition.lag)))),
    windows: format.count(snapshot.windowsClosed),
    predictions: format.count(predictions),
    'predictions-per-second': format.rate(snapshot.predictionsPerSecond),
    'sql-rows': format.count(sink.rows),
    'annotation-requests': format.count(snapshot.annotationRequests),
    late: format.count(snapshot.late),
    'dead-letters': format.count(snapshot.deadLettered),
    'lag-note': lagNote(lag),
    'sql-note': sink.paused === undefined ? `${format.count(sink.lag)} waiting` : `paused: ${sink.paused}`,
  }
  for (const [id, text] of Object.entries(figures)) setText(byId(id), text)
  byId('sql-note').classList.toggle('bad', sink.paused !== undefined)
  byId('dead-letters').classList.toggle('bad', snapshot.deadLettered > 0)
  showChart(snapshot.history, snapshot.models.swaps)
  showTopology(snapshot.topology)
  showPredictions(snapshot.lastPredictions)
  showModels(snapshot)
}

/** Where most of the lag is. */
function lagNote(lag) {
  const most = lag.reduce((a, b) => (b.lag > (a?.lag ?? 0) ? b : a), undefined)
  return most === undefined ? 'records waiting' : `most in ${most.topic}/${most.partition}`
}

const states = { live: 'live', lost: 'connection lost, retrying', closed: 'signed out' }

follow(show, state => {
  document.body.dataset.connection = state
  setText(byId('connection'), states[state])
})
