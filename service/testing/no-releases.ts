import type { ReleaseDesk } from '../../processors/models/release-desk.ts'

const never = (): Promise<never> => Promise.reject(new Error('not in this test'))

/** For tests that do nothing with releases. */
export const noReleases: ReleaseDesk = {
  release: never,
  publish: never,
  promote: never,
  shadow: never,
  endShadow: never,
  rollback: never,
  comparison: never,
  switches: never,
}
