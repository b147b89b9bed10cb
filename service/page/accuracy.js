/** The page of accuracy: how right releases were on what people labelled; the windows drawn at random, or those asked about. */
import { byId, element, setText, shape, showList } from './elements.js'
import * as format from './format.js'
import { ask, whenSignedIn } from './node.js'
import { showOverTime } from './over-time.js'

/** Milliseconds between two looks. */
const lookAgain = 5000
/** Below so many labels figures are hints. */
const few = 100

let answer

async function look() {
  const [name = '', version = ''] = byId('release').value.split('\n')
  const by = byId('by').value
  const question = new URLSearchParams({ by, ...(version !== '' && { name, version }) })
  answer = await ask(`api/accuracy?${question}`)
  setText(byId('trouble'), '')
  show()
}

function show() {
  if (answer === undefined) return
  showReleases(answer.releases)
  setText(byId('random-count'), format.count(answer.randomArm.windows))
  setText(byId('queried-count'), format.count(answer.queried.windows))
  const arm = byId('arm').value
  const { windows, right, interval, macroF1, classes, confusion, calibration, overTime } = answer[arm]
  setText(byId('accuracy'), format.fineShare(windows === 0 ? undefined : right / windows))
  setText(
    byId('accuracy-note'),
    windows === 0
      ? 'no labels yet'
      : `${format.count(right)} of ${format.count(windows)} right; with 95 % confidence ${format.fineShare(interval.low)} to ${format.fineShare(interval.high)}`,
  )
  setText(byId('macro-f1'), format.decimal(macroF1))
  setText(byId('f1-note'), `mean over ${format.count(classes.length)} classes seen`)
  setText(byId('calibration-error'), format.fineShare(calibration.error))
  setText(byId('error-note'), calibrationNote(calibration, windows))
  setText(byId('caution'), cautionOf(arm, windows))
  byId('no-time').hidden = windows > 0
  showOverTime(byId('over-time'), overTime, byId('by').value)
  showClasses(classes)
  showConfusion(classes, confusion)
  byId('calibration').replaceChildren(diagram(calibration))
}

function calibrationNote({ windows }, all) {
  if (windows === 0) return all === 0 ? 'no labels yet' : 'no label was kept with its probability'
  const without = all - windows
  const rest = without === 0 ? '' : `; ${format.count(without)} labels were kept without one`
  return `mean distance of probability and share right, in 15 bins${rest}`
}

function cautionOf(arm, windows) {
  const words = []
  if (arm === 'queried')
    words.push(
      'These windows were chosen because the release was unsure of them. They are harder than the rest, so these figures are biased: they do not tell how accurate it is. The windows drawn at random do.',
    )
  if (windows > 0 && windows < few)
    words.push(`Only ${format.count(windows)} labels so far: take these figures as hints.`)
  return words.join(' ')
}

function showReleases(releases) {
  const value = ({ name, version }) => `${name}\n${version}`
  showList(
    byId('release'),
    [undefined, ...releases],
    release => (release === undefined ? '' : value(release)),
    release => element('option', { value: release === undefined ? '' : value(release) }),
    (option, release) =>
      setText(
        option,
        release === undefined
          ? 'All that scored'
          : `${release.name} ${release.version} (${format.count(release.randomArm)} at random, ${format.count(release.queried)} asked)`,
      ),
  )
}

function showClasses(classes) {
  const number = text => element('td', { class: 'number' }, text)
  byId('classes').replaceChildren(
    ...classes.map(({ label, support, predicted, precision, recall, f1 }) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, label),
        number(format.count(support)),
        number(format.count(predicted)),
        number(format.fineShare(precision)),
        number(format.fineShare(recall)),
        number(format.decimal(f1)),
      ),
    ),
  )
}

function showConfusion(classes, confusion) {
  const counts = new Map(
    confusion.map(({ label, predicted, windows }) => [`${label}\n${predicted}`, windows]),
  )
  const cell = (row, column) => {
    const windows = counts.get(`${row.label}\n${column.label}`) ?? 0
    const made = element(
      'td',
      { class: row === column ? 'same' : undefined, title: `${row.label} taken for ${column.label}` },
      windows === 0 ? '' : format.count(windows),
    )
    made.style.setProperty('--share', String(row.support === 0 ? 0 : windows / row.support))
    return made
  }
  byId('confusion').replaceChildren(
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        element('td', {}),
        ...classes.map(({ label }) => element('th', { scope: 'col' }, label)),
      ),
    ),
    element(
      'tbody',
      {},
      ...classes.map(row =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, row.label),
          ...classes.map(column => cell(row, column)),
        ),
      ),
    ),
  )
}

/** Where the drawing lies in the picture. */
const [left, top, side] = [42, 8, 300]

function diagram({ bins, windows }) {
  const x = share => left + share * side
  const y = share => top + (1 - share) * side
  const most = Math.max(...bins.map(bin => bin.windows), 1)
  const bars = bins
    .filter(bin => bin.windows > 0)
    .map(bin => {
      const share = bin.right / bin.windows
      const height = Math.max(2, share * side)
      const bar = shape('rect', {
        x: x(bin.from) + 1,
        y: top + side - height,
        width: side / bins.length - 2,
        height,
        'fill-opacity': 0.25 + 0.75 * (bin.windows / most),
      })
      const words = `${format.share(bin.from)} to ${format.share(bin.to)}: ${format.count(bin.right)} of ${format.count(bin.windows)} right`
      bar.append(shape('title', {}, words))
      return bar
    })
  const ticks = [0, 0.5, 1].flatMap(share => [
    shape('line', { class: 'axis', x1: left, x2: left + side, y1: y(share), y2: y(share) }),
    shape('text', { x: left - 6, y: y(share) + 4, 'text-anchor': 'end' }, format.share(share)),
    shape('text', { x: x(share), y: top + side + 16, 'text-anchor': 'middle' }, format.share(share)),
  ])
  return shape(
    'svg',
    {
      viewBox: `0 0 ${left + side + 24} ${top + side + 24}`,
      role: 'img',
      'aria-label': `Share right by predicted probability, of ${format.count(windows)} windows`,
    },
    ...ticks,
    ...bars,
    shape('line', { class: 'ideal', x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
  )
}

/** A node that does not answer is asked again. */
async function follow() {
  await lookNow()
  setTimeout(follow, lookAgain)
}

const lookNow = () => look().catch(error => setText(byId('trouble'), error.message))

byId('question').addEventListener('submit', event => event.preventDefault())
byId('arm').addEventListener('change', show)
for (const id of ['release', 'by']) byId(id).addEventListener('change', lookNow)
whenSignedIn(lookNow)
follow()
