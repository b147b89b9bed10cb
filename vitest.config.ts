import { defineConfig } from 'vitest/config'
import { suites } from './test/suites.ts'

/**
 * One project per suite. The name of a test file says which it belongs to: x.test.ts is a unit test, x.test-d.ts one
 * of types, and the others need what their name says. `npm test` runs them one after the other; see test/README.md.
 */
const needing = suites
  .map(({ name }) => name)
  .filter(name => !['check', 'types', 'unit', 'python'].includes(name))
const exclude = ['**/node_modules/**', '**/.venv/**', '**/.tickerwatch/**']

export default defineConfig({
  test: {
    // RocksDB and the ONNX runtime are native and do not survive the end of a worker thread, so each file has a process.
    pool: 'forks',
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...exclude, ...needing.map(suite => `**/*.${suite}.test.ts`)],
          // What hangs must end; a test that takes a second may take a minute on a shared machine.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'types',
          include: [],
          // Errors of other files are those of `npm run check`.
          typecheck: {
            enabled: true,
            only: true,
            include: ['**/*.test-d.ts'],
            exclude,
            ignoreSourceErrors: true,
          },
        },
      },
      ...needing.map(suite => ({
        test: {
          name: suite,
          include: [`**/*.${suite}.test.ts`],
          exclude,
          // Each starts a broker, a database or a browser, so one at a time; a shared machine may be ten times slower.
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      })),
    ],
  },
})
