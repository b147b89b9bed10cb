/** Says in one line if this Node is too old, before a file is loaded that it could not parse. Old syntax only. */
export function tooOld(version) {
  var parts = version.split('.').map(Number)
  var enough = parts[0] > 20 || (parts[0] === 20 && parts[1] >= 19)
  return enough ? undefined : `Ticker Watch needs Node 20.19 or newer; this is Node ${version}.`
}
