/** Looks again and again, for as long as the page is seen. What goes wrong is said, and cleared by the next look. */
import { byId, setText } from './elements.js'
import { whenSignedIn } from './node.js'

/**
 * @param {() => Promise<void>} look
 * @param {number} pause milliseconds between two looks
 */
export function keepLooking(look, pause) {
  let timer
  const once = async () => {
    clearTimeout(timer)
    try {
      if (!document.hidden) await look()
      setText(byId('trouble'), '')
    } catch (error) {
      setText(byId('trouble'), error.message)
    }
    timer = setTimeout(once, pause)
  }
  whenSignedIn(once)
  document.addEventListener('visibilitychange', () => document.hidden || once())
  once()
}
