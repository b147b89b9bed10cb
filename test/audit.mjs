/**
 * `npm run audit`: known weaknesses of the packages that are shipped, as `npm audit --omit=dev --audit-level=high` has them, which
 * fails where there is one. Registries that keep copies often know of none and refuse the question; that is said, and is no failure.
 */
import { spawnSync } from 'node:child_process'

const audit = ['audit', '--omit=dev', '--audit-level=high', '--package-lock-only']
const { stdout, status } = spawnSync('npm', [...audit, '--json'], {
  cwd: new URL('..', import.meta.url),
  encoding: 'utf8',
  // A mistake in the address is not to take minutes.
  env: { npm_config_fetch_retries: '1', npm_config_fetch_timeout: '60000', ...process.env },
  shell: process.platform === 'win32',
})

const report = parsed(stdout)
if (report?.auditReportVersion === undefined) {
  const why = String(report?.message ?? `npm ended with ${status}`).replace(/https?:\/\/\S+/, 'the registry')
  console.log(`not checked: the registry answers no audits (${why})`)
} else {
  const severe = Object.values(report.vulnerabilities).filter(({ severity }) =>
    /high|critical/.test(severity),
  )
  for (const { name, severity, range, via } of severe) {
    const titles = via.map(each => (typeof each === 'string' ? `by ${each}` : `${each.title} ${each.url}`))
    console.log(`${name} ${range}: ${severity}: ${titles.join('; ')}`)
  }
  const { dependencies } = report.metadata
  console.log(
    `${severe.length} of ${dependencies.prod} packages have a known weakness that is high or critical`,
  )
  process.exitCode = severe.length === 0 ? 0 : 1
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
