/** What runs in the process that tries releases: each one it is sent is loaded, asked, and timed. Ends with its parent. */

import { refusalOf } from './model-bytes.ts'
import { loadOnnx } from './onnx-model.ts'
import { probeMismatch, slowness } from './probe.ts'
import type { VerificationAnswer, VerificationRequest } from './verifier.ts'

// Ctrl-C at a terminal reaches all of its processes; this one ends when its parent does.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
process.on('disconnect', () => process.exit())
process.on('message', async (request: VerificationRequest) => {
  const answer = await verify(request)
  process.send?.(answer)
})

async function verify({ release, width }: VerificationRequest): Promise<VerificationAnswer> {
  const refuse = refusalOf(release)
  try {
    const model = await loadOnnx(release, { width, classes: release.labels.length })
    try {
      const wrong = await probeMismatch(model, release, width)
      if (wrong !== undefined) throw refuse('MODEL_ANSWER_WRONG', wrong)
      const slow = await slowness(model, release)
      if (slow !== undefined) throw refuse('MODEL_TOO_SLOW', slow)
    } finally {
      await model.close()
    }
    return { fit: true }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    return { fit: false, code, message: error instanceof Error ? error.message : String(error) }
  }
}
