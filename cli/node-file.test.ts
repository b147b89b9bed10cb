import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readNodeFile, removeNodeFile, writeNodeFile } from './node-file.ts'

let state: string
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'tickerwatch-node-'))
})
afterEach(() => rm(state, { recursive: true, force: true }))

const here = {
  url: 'http://127.0.0.1:8080',
  token: '0123456789abcdef',
  annotatorToken: 'fedcba9876543210',
  pid: process.pid,
}
const dead = () => ({ ...here, pid: spawnSync(process.execPath, ['--version']).pid })

test('what one process writes another reads, and only its owner', async () => {
  await writeNodeFile(join(state, 'below'), here)
  expect(await readNodeFile(join(state, 'below'))).toEqual(here)
  expect((await stat(join(state, 'below', 'node.json'))).mode & 0o777).toBe(0o600)
  expect(await readdir(join(state, 'below'))).toEqual(['node.json'])
})

test('the file of a process that ended is reported, and replaced by the next node', async () => {
  const ended = dead()
  await writeNodeFile(state, ended)
  await expect(readNodeFile(state)).rejects.toMatchObject({
    code: 'NODE_NOT_RUNNING',
    message: `the node of ${state} has ended (process ${ended.pid}) and left its file behind`,
  })
  await writeNodeFile(state, here)
  expect(await readNodeFile(state)).toEqual(here)
})

test('a living node is not replaced', async () => {
  await writeNodeFile(state, { ...here, pid: process.ppid })
  await expect(writeNodeFile(state, here)).rejects.toMatchObject({ code: 'NODE_ALREADY_RUNNING' })
})

test('a node removes its own file only', async () => {
  await writeNodeFile(state, here)
  await removeNodeFile(state, process.pid + 1)
  expect(await readNodeFile(state)).toEqual(here)
  await removeNodeFile(state, process.pid)
  await expect(readNodeFile(state)).rejects.toMatchObject({ code: 'NODE_NOT_RUNNING' })
  await removeNodeFile(state, process.pid)
})

test.each(['', '{', '{}', '{"url":"file:///etc/passwd","token":"0123456789abcdef","pid":1}'])(
  'a file that describes no node is refused: %s',
  async text => {
    await writeFile(join(state, 'node.json'), text)
    await expect(readNodeFile(state)).rejects.toMatchObject({ code: 'NODE_FILE_INVALID' })
  },
)
