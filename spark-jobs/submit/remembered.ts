/** Answers that many ask for and that cost something: each is got once in a while, whoever asks, and not all are kept. */

/** Kept of one kind; beyond it the one that was got first is let go. */
const KEPT = 200

/**
 * `load`, whose answers hold for some milliseconds; who asks while one is under way waits for that one. Failures hold too, or a
 * page that asks again and again would have AWS refuse it again and again.
 */
export function remembered<T>(
  load: (key: string) => Promise<T>,
  milliseconds: number,
  now: () => number,
): (key: string) => Promise<T> {
  const kept = new Map<string, { readonly answer: Promise<T>; readonly until: number }>()
  return key => {
    const before = kept.get(key)
    if (before !== undefined && now() < before.until) return before.answer
    const answer = load(key)
    // Whoever asked is told; nobody else has to be.
    answer.catch(() => {})
    kept.delete(key)
    kept.set(key, { answer, until: now() + milliseconds })
    const [oldest] = kept.keys()
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
    return answer
  }
}
