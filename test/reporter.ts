import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import { firstLine, type Outcome } from './programs.ts'

/**
 * Writes an Outcome to the file that TICKERWATCH_TEST_REPORT names. Vitest's own JSON leaves out the reasons given to
 * `context.skip`, and files that could not be loaded are none of its failed tests.
 */
export default class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap(module => [...module.children.allTests()])
    const errorOf = (error: unknown) =>
      firstLine(error instanceof Object && 'message' in error ? String(error.message) : String(error))
    const outcome: Outcome = {
      passed: tests.filter(test => test.result().state === 'passed').length,
      failed: [
        ...tests.flatMap(test => {
          const { state, errors } = test.result()
          if (state !== 'failed') return []
          return [`${test.module.relativeModuleId} > ${test.fullName}: ${errorOf(errors[0])}`]
        }),
        ...modules.flatMap(module => {
          const errors = module.errors()
          return errors.length === 0 ? [] : [`${module.relativeModuleId}: ${errorOf(errors[0])}`]
        }),
        ...unhandled.map(error => `outside of the tests: ${errorOf(error)}`),
      ],
      skipped: tests.flatMap(test => {
        const result = test.result()
        if (result.state !== 'skipped') return []
        const name = `${test.module.relativeModuleId} > ${test.fullName}`
        return [result.note ? `${name}: ${result.note}` : name]
      }),
    }
    const file = process.env.TICKERWATCH_TEST_REPORT
    if (file) writeFileSync(file, JSON.stringify(outcome))
  }
}
