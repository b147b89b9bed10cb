/** Making and changing elements. Text is always set as text: nothing that comes from the log becomes markup. */

/** @param {string} name @param {Record<string, unknown>} [attributes] @param {...(Node | string)} children */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children)
}

/** The same in SVG. */
export function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children)
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) node.setAttribute(name, String(value))
  node.append(...children)
  return node
}

export function byId(id) {
  return document.getElementById(id)
}

/** Writes only what differs, so that selections and screen readers are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * Makes the children of `parent` those of `items`, in their order, keeping the element of an item that was there before.
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => Element} make
 * @param {(node: Element, item: T) => void} [update]
 * @template T
 */
export function showList(parent, items, keyOf, make, update = () => {}) {
  const present = new Map([...parent.children].map(child => [child.dataset.key, child]))
  const wanted = items.map(item => {
    const key = keyOf(item)
    let child = present.get(key)
    if (child === undefined) {
      child = make(item)
      child.dataset.key = key
    }
    present.delete(key)
    update(child, item)
    return child
  })
  for (const child of present.values()) child.remove()
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null)
  })
}
