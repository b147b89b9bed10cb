/**
 * Run in a page: the texts whose contrast with what is behind them is below `minimum`, by the formula of WCAG 2.2
 * (w3.org/TR/WCAG22/#dfn-contrast-ratio). Faded or animated backgrounds are taken as they are at the end.
 */
export function weakTexts(minimum) {
  const channels = colour => {
    const [r = 0, g = 0, b = 0, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number)
    return { rgb: [r, g, b], alpha }
  }
  const over = (top, under) => top.rgb.map((value, i) => value * top.alpha + under[i] * (1 - top.alpha))
  const luminance = rgb => {
    const [r, g, b] = rgb.map(value =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = node => {
    if (node === null) return [255, 255, 255]
    return over(channels(getComputedStyle(node).backgroundColor), behind(node.parentElement))
  }
  for (const animation of document.getAnimations()) animation.cancel()
  const weak = []
  for (const node of document.querySelectorAll('body *:not(svg *)')) {
    const isText = [...node.childNodes].some(
      child => child.nodeType === Node.TEXT_NODE && child.textContent.trim() !== '',
    )
    if (!isText || node.getClientRects().length === 0) continue
    const under = behind(node)
    const [light, dark] = [
      luminance(under),
      luminance(over(channels(getComputedStyle(node).color), under)),
    ].sort((a, b) => b - a)
    const ratio = (light + 0.05) / (dark + 0.05)
    if (ratio < minimum) weak.push(`${node.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`)
  }
  return weak
}
