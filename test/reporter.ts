import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import type { Outcome } from './programs.ts'

/**
 * Writes an Outcome to the file that TICKERWATCH_TEST_REPORT names. Vitest's own JSON leaves out the reasons given to
 * `context.skip`, and files that could not be loaded are none of its failed tests.
 */
export default class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap(module => [...module.children.allTests()])
    const states = tests.map(test => test.result().state)
    const broken = modules.filter(module => module.errors().length > 0).length
    const outcome: Outcome = {
      passed: states.filter(state => state === 'passed').length,
      failed: states.filter(state => state === 'failed').length + broken + unhandled.length,
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
