/** The table of the last predictions. */
import { byId, element, showList } from './elements.js'
import * as format from './format.js'

export function showPredictions(predictions) {
  byId('no-predictions').hidden = predictions.length > 0
  showList(byId('last-predictions'), predictions, keyOf, row)
}

/** How a window was routed; another word is shown as it is. */
const routes = { unsureOverBudget: 'unsure, not asked', randomArm: 'random check' }

const keyOf = ({ deviceId, windowStart, modelVersion }) => `${deviceId} ${windowStart} ${modelVersion}`

function row(prediction) {
  const { deviceId, windowStart, label, confidence, margin, route, modelVersion } = prediction
  const date = element('span', { class: 'date' }, `${format.eventDate(windowStart)} `)
  const time = element('time', {}, date, format.eventTime(windowStart))
  return element(
    'tr',
    {},
    element('td', { class: 'time' }, time),
    element('td', { class: 'label' }, label),
    element('td', { class: 'number' }, format.fineShare(confidence)),
    element('td', {}, bars(prediction)),
    element('td', { class: 'number' }, format.decimal(margin)),
    element('td', {}, element('span', { class: `chip ${route}` }, routes[route] ?? route)),
    element('td', { class: 'device', title: deviceId }, deviceId),
    element('td', { class: 'version' }, modelVersion),
  )
}

/** One bar for each class, in the order of the release's labels; the answer is marked. */
function bars({ probabilities, label }) {
  const classes = Object.entries(probabilities)
  const likely = classes.toSorted((a, b) => b[1] - a[1]).slice(0, 3)
  const words = likely.map(([name, probability]) => `${name} ${format.share(probability)}`).join(', ')
  const parts = classes.map(([name, probability]) => {
    const bar = element('i', name === label ? { class: 'answer' } : {})
    bar.style.height = `${Math.round(Math.min(1, Math.max(0, Number(probability) || 0)) * 100)}%`
    return bar
  })
  return element('div', { class: 'probabilities', role: 'img', 'aria-label': words, title: words }, ...parts)
}
