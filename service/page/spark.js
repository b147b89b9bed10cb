/** The page of Spark scripts: the jobs, what they can be given, their source; what ran of them, with its logs. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask, whenSignedIn } from './node.js'
import { chip, follow, lasted, troubleOf, when } from './steps.js'

/** Milliseconds between two looks. */
const lookAgain = 15_000

let jobs = []
let runs = []
/** What is shown, and what was asked for when the node wanted a token. */
let shownJob
let refused

/** What went wrong is said, with what to do. */
async function act(action) {
  try {
    await action()
    setText(byId('trouble'), '')
  } catch (error) {
    if (error.status === 401) refused = action
    setText(byId('trouble'), troubleOf(error))
  }
}

async function look() {
  if (jobs.length === 0) jobs = await ask('api/spark/jobs')
  showJobs()
  const answer = await ask('api/spark/runs')
  setText(
    byId('to-do'),
    answer.configured ? '' : `No cluster is configured, so no runs are shown. ${answer.toDo}`,
  )
  runs = answer.runs ?? []
  byId('all-runs').hidden = !answer.configured
  byId('no-runs').hidden = runs.length > 0
  showJobs()
  showRuns()
  if (answer.configured) showRetrainings((await ask('api/spark/retrainings')).retrainings)
}

function showJobs() {
  showList(
    byId('jobs'),
    jobs,
    ({ name }) => {
      const last = lastOf(name)
      return `${name} ${last?.id} ${last?.state} ${name === shownJob?.name}`
    },
    job => {
      const last = lastOf(job.name)
      return element(
        'tr',
        { 'aria-current': job.name === shownJob?.name ? 'true' : undefined },
        element(
          'th',
          { scope: 'row' },
          button(job.name, `Show ${job.name}`, () => showJob(job)),
        ),
        element('td', { class: 'words' }, job.summary),
        element('td', {}, job.script),
        element('td', {}, when(last?.createdAt)),
        element('td', {}, last === undefined ? '–' : chip(last.state)),
      )
    },
  )
}

const lastOf = name => runs.find(({ job }) => job === name)

function showRuns() {
  byId('runs').replaceChildren(
    ...runs.map(run => {
      const { id, job, state, createdAt, startedAt, endedAt, cluster, reason } = run
      return element(
        'tr',
        {},
        element('td', { class: 'time' }, when(createdAt)),
        element('td', {}, job),
        element('td', {}, chip(state)),
        element('td', {}, lasted(startedAt, endedAt)),
        element('td', {}, element('a', { href: `emr.html?id=${encodeURIComponent(cluster)}` }, cluster)),
        element(
          'td',
          {},
          button('Log', `Log of ${job}, ${id}`, () => showLog(run)),
        ),
        element('td', { class: 'words' }, reason ?? ''),
      )
    }),
  )
}

/** Where there is no schedule, there is no such table. */
function showRetrainings(retrainings) {
  byId('all-retrainings').hidden = retrainings.length === 0
  byId('retrainings').replaceChildren(
    ...retrainings.map(({ run, at, report }) => {
      const { candidate, serving, newlyLabelled, unseen, promoted, objections = [] } = report ?? {}
      const outcome = report === null ? 'not ended' : promoted ? 'promoted' : 'not promoted'
      return element(
        'tr',
        {},
        element('th', { scope: 'row' }, run),
        element('td', { class: 'time' }, when(at)),
        element('td', {}, candidate ?? '–'),
        element('td', {}, serving ?? '–'),
        element('td', { class: 'number' }, format.count(newlyLabelled)),
        element(
          'td',
          {},
          unseen === undefined ? '–' : `${signed(unseen.difference)} (${signed(unseen.lowerBound)})`,
        ),
        element(
          'td',
          {},
          element('span', { class: `chip ${promoted === true ? 'good' : 'waits'}` }, outcome),
        ),
        element('td', { class: 'words' }, objections.join('; ')),
      )
    }),
  )
}

/** +0.012 */
function signed(number) {
  return `${number < 0 ? '−' : '+'}${Math.abs(number).toFixed(3)}`
}

function button(text, label, action) {
  const made = element('button', { type: 'button', 'aria-label': label }, text)
  made.addEventListener('click', () => act(action))
  return made
}

async function showJob(job) {
  const { source } = await ask(`api/spark/jobs/${encodeURIComponent(job.name)}/source`)
  shownJob = job
  showJobs()
  history.replaceState(null, '', `?job=${encodeURIComponent(job.name)}`)
  setText(byId('job-title'), `${job.name}: ${job.script}`)
  setText(byId('description'), job.description)
  setText(byId('command'), commandOf(job))
  byId('parameters').replaceChildren(...job.parameters.map(parameterRow))
  setText(
    byId('tables'),
    job.tables.length === 0 ? '' : `What it writes is registered in Glue as ${job.tables.join(', ')}.`,
  )
  byId('report').hidden = true
  byId('source').replaceChildren(
    ...source
      .trimEnd()
      .split('\n')
      .map(line => element('span', {}, `${line}\n`)),
  )
  byId('job').hidden = false
  byId('job-title').focus()
}

/** As a person runs it, with what it needs and is not given. */
function commandOf({ name, parameters }) {
  const missing = parameters
    .filter(({ needed, given }) => needed && given === null)
    .map(({ option }) => `${option} …`)
  const command = `tickerwatch emr ${name} --config emr.json`
  return missing.length === 0 ? command : `${command} -- ${missing.join(' ')}`
}

function parameterRow({ option, help, needed, isSwitch, given, insteadOf, ...rest }) {
  const otherwise = () => {
    if (insteadOf.length > 0) return `${insteadOf.join(' or ')} instead`
    if (needed) return 'needed'
    if (isSwitch) return 'not so'
    return rest.default ?? '–'
  }
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, isSwitch ? option : `${option} …`),
    element('td', { class: 'words' }, help ?? ''),
    element('td', {}, otherwise()),
    element('td', {}, given ?? '–'),
  )
}

async function showReport() {
  const { configured, toDo, at, report } = await ask(
    `api/spark/jobs/${encodeURIComponent(shownJob.name)}/report`,
  )
  const words = () => {
    if (!configured) return toDo
    return at === null
      ? 'It has reported nothing yet.'
      : `${when(at)} UTC\n${JSON.stringify(report, null, 2)}`
  }
  setText(byId('report'), words())
  byId('report').hidden = false
}

async function showLog(run) {
  const { cluster, id, job, state, words } = run
  const { logs } = await ask(`api/spark/runs/${encodeURIComponent(cluster)}/${encodeURIComponent(id)}/log`)
  setText(byId('log-title'), `Log of ${job}, step ${id} on ${cluster}: ${state.toLowerCase()}`)
  setText(
    byId('log-note'),
    logs.length > 0
      ? 'What has come to S3 so far; EMR brings it every five minutes, and some minutes after the end.'
      : 'No log has come to S3 yet: EMR brings it every five minutes, and some minutes after the end.',
  )
  byId('words').replaceChildren(element('dt', {}, 'Given to the script'), element('dd', {}, words.join(' ')))
  byId('logs').replaceChildren(
    ...logs.flatMap(({ url, lines, isCut }) => [
      element('h3', {}, isCut ? `${url}, the end of it` : url),
      element('pre', { class: 'scroll', tabindex: '0' }, lines.join('\n')),
    ]),
  )
  byId('log').hidden = false
  byId('log-title').focus()
}

byId('show-report').addEventListener('click', () => act(showReport))
whenSignedIn(() => act(refused ?? look))
await act(async () => {
  jobs = await ask('api/spark/jobs')
  const asked = new URLSearchParams(location.search).get('job')
  const job = jobs.find(({ name }) => name === asked)
  if (job !== undefined) await showJob(job)
})
follow(() => act(look), lookAgain)
