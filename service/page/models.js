/** The panel of the model: what is in force, what it scored, when it changed, and which releases are known. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'

const metricNames = { accuracy: 'Accuracy', macroF1: 'Macro F1', calibrationError: 'Calibration error' }

export function showModels({ models, predictions, at }) {
  const { inForce, known, refused, swaps } = models
  const current = known.find(({ name, version }) => name === inForce?.name && version === inForce?.version)
  setText(byId('model-in-force'), inForce === undefined ? '–' : `${inForce.name} ${inForce.version}`)
  setText(
    byId('model-note'),
    inForce === undefined ? 'No release is in force.' : 'in force; measured on people it was not trained on',
  )
  showMetrics(current?.metrics ?? {})
  showVersions(predictions)
  showSwaps(swaps, at)
  showReleases(known, refused, inForce)
}

function showMetrics(metrics) {
  const shown = Object.entries(metricNames).filter(([name]) => Number.isFinite(metrics[name]))
  showList(
    byId('model-metrics'),
    shown,
    ([name]) => `${name} ${metrics[name]}`,
    ([name, title]) =>
      element('div', {}, element('dt', {}, title), element('dd', {}, format.fineShare(metrics[name]))),
  )
}

function showVersions(predictions) {
  const total = Object.values(predictions).reduce((sum, count) => sum + count, 0)
  showList(
    byId('versions'),
    Object.entries(predictions),
    ([version]) => version,
    ([version]) =>
      element('li', {}, element('span', {}, version), element('span', { class: 'number' }), element('i')),
    (item, [, count]) => {
      const [, number, bar] = item.children
      setText(number, format.count(count))
      bar.style.width = `${total > 0 ? (100 * count) / total : 0}%`
    },
  )
}

function showSwaps(swaps, now) {
  showList(
    byId('swaps'),
    swaps.length === 0 ? [undefined] : swaps.toReversed(),
    swap => (swap === undefined ? 'none' : `${swap.version} ${swap.at}`),
    swap =>
      swap === undefined
        ? element('li', { class: 'empty' }, 'None since the node started.')
        : element(
            'li',
            { class: 'swap' },
            element('strong', {}, swap.version),
            ' took over ',
            element('span', { class: 'note' }),
          ),
    (item, swap) => {
      if (swap !== undefined)
        setText(item.lastChild, `at ${format.clockTime(swap.at)}, ${format.duration(now - swap.at)} ago`)
    },
  )
}

function showReleases(known, refused, inForce) {
  const isInForce = ({ name, version }) => name === inForce?.name && version === inForce?.version
  const releases = known.map(release => ({
    ...release,
    state: isInForce(release) ? 'in force' : release.status,
    text: '',
  }))
  const refusals = refused.map(({ name, version, code, reason, at }) => ({
    name,
    version,
    state: 'refused',
    text: `${code}: ${reason}`,
    publishedAt: at,
  }))
  const all = [...refusals, ...releases]
  showList(
    byId('releases'),
    all.length === 0 ? [undefined] : all,
    release =>
      release === undefined
        ? 'none'
        : `${release.name} ${release.version} ${release.state} ${release.publishedAt}`,
    release =>
      release === undefined
        ? element('li', { class: 'empty' }, 'No release was published yet.')
        : element(
            'li',
            {},
            element('strong', {}, `${release.name} ${release.version}`),
            ' ',
            element('span', { class: `chip ${release.state.replace(' ', '-')}` }, release.state),
            element('span', { class: 'note' }, release.text),
          ),
  )
}
