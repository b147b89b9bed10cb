/** One thing that is looked at, and what was found. */
export interface Check {
  readonly name: string
  /** Without that one being all right there is nothing to look at. */
  readonly needs?: string
  /** Whatever it throws is a problem; errors that bring a remedy are told with it. */
  readonly run: () => Promise<Said>
}

/** In half a sentence; `remedy` is what to do, where something is wrong. */
export interface Said {
  readonly said: string
  readonly remedy?: string
  /** There is nothing to look at. */
  readonly skipped?: true
}

export interface Finding {
  readonly check: string
  readonly outcome: 'ok' | 'problem' | 'skipped'
  readonly said: string
  readonly remedy?: string
}

/** Goes through them in their order, and tells each finding when it is there. */
export async function* examine(checks: readonly Check[]): AsyncGenerator<Finding> {
  const well = new Set<string>()
  for (const { name: check, needs, run } of checks) {
    if (needs !== undefined && !well.has(needs)) {
      yield { check, outcome: 'skipped', said: `not looked at, as it needs ${needs}` }
      continue
    }
    const finding = await run().then(
      ({ skipped, ...said }) => ({ ...said, outcome: outcomeOf(skipped, said.remedy) }),
      problem,
    )
    if (finding.outcome === 'ok') well.add(check)
    yield { check, ...finding }
  }
}

function outcomeOf(skipped: true | undefined, remedy: string | undefined): Finding['outcome'] {
  if (skipped) return 'skipped'
  return remedy === undefined ? 'ok' : 'problem'
}

/** Errors of the project carry a code and what to do. */
function problem(error: unknown): Omit<Finding, 'check'> {
  const message = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)
  const told = (field: 'code' | 'remedy'): string | undefined => {
    const value: unknown = error instanceof Error && field in error ? Reflect.get(error, field) : undefined
    return typeof value === 'string' ? value : undefined
  }
  const code = told('code')
  return {
    outcome: 'problem',
    said: code === undefined ? message : `${code}: ${message}`,
    remedy: told('remedy') ?? 'See the message.',
  }
}
