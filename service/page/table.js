/** Rows of tables whose figures change while somebody looks at them: only what differs is written. */
import { element, showList } from './elements.js'

/**
 * @param {Element} body of the table
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => readonly (Cell | string)[]} cellsOf the first is the row's head
 * @template T
 * @typedef {{ text?: string, class?: string, content?: () => readonly (Node | string)[] }} Cell `content` is made where `text` is new
 */
export function showRows(body, items, keyOf, cellsOf) {
  showList(
    body,
    items,
    keyOf,
    () => element('tr'),
    (row, item) => {
      const cells = cellsOf(item).map(cell => (typeof cell === 'string' ? { text: cell } : cell))
      cells.forEach(({ text = '', class: name, content }, index) => {
        const sign = `${name ?? ''} ${text}`
        const present = row.children[index]
        if (present?.dataset.sign === sign) return
        const head = index === 0
        const made = element(
          head ? 'th' : 'td',
          { class: name, scope: head ? 'row' : undefined },
          ...(content?.() ?? [text]),
        )
        made.dataset.sign = sign
        if (present === undefined) row.append(made)
        else present.replaceWith(made)
      })
    },
  )
}

export const number = text => ({ text, class: 'number' })

export const link = (text, href) => ({ text, content: () => [element('a', { href }, text)] })

/** What is well has no colour. */
export const chip = (text, kind) => ({
  text: `${text} ${kind ?? ''}`,
  content: () => [element('span', { class: kind === undefined ? 'chip' : `chip ${kind}` }, text)],
})
