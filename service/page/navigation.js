/** The pages of the console, for the head of each of them. A new page has its line here, and nothing else to do. */
import { byId, element } from './elements.js'

const pages = [
  ['./', 'Overview'],
  ['topology.html', 'Topology'],
  ['topics.html', 'Topics'],
  ['groups.html', 'Groups'],
  ['schemas.html', 'Schemas'],
  ['releases.html', 'Releases'],
  ['accuracy.html', 'Accuracy'],
  ['annotate.html', 'Annotate'],
  ['dead-letters.html', 'Dead letters'],
  ['spark.html', 'Spark scripts'],
  ['emr.html', 'EMR clusters'],
]

const here = location.pathname.endsWith('/') ? './' : location.pathname.split('/').at(-1)
const current = here === 'index.html' ? './' : here

byId('navigation').append(
  ...pages.map(([href, title]) =>
    element('a', { href, 'aria-current': href === current ? 'page' : undefined }, title),
  ),
)
// Where not all of them have room, the one that is shown is among those that one sees.
const shown = document.querySelector('#navigation [aria-current]')
if (shown !== null) byId('navigation').scrollLeft = shown.offsetLeft - byId('navigation').clientWidth / 2
