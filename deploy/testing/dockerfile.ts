/**
 * Carries out a Dockerfile without an engine, as far as a directory can stand for an image: each stage has a directory as its
 * root, COPY honours .dockerignore, RUN runs in it. Enough to see that what is copied suffices.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, matchesGlob, relative, resolve } from 'node:path'

export interface Instruction {
  /** Upper case. */
  readonly word: string
  readonly rest: string
}

/** Comments are left out, continued lines joined. */
export function parseDockerfile(text: string): Instruction[] {
  return text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .map(line => {
      const [word = '', ...rest] = line.split(/\s+/)
      return { word: word.toUpperCase(), rest: rest.join(' ') }
    })
}

export interface Image {
  readonly root: string
  readonly workingDirectory: string
  readonly environment: Readonly<Record<string, string>>
  readonly user: string | undefined
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
  readonly exposed: readonly number[]
}

/**
 * The last stage. Paths of RUN that begin with /var are taken below the root; chown does nothing.
 * @param directory for the roots; empty
 */
export function buildInDirectory(dockerfile: string, context: string, directory: string): Image {
  const ignored = ignoredBy(context)
  const stages = new Map<string, string>()
  const shims = join(directory, 'shims')
  mkdirSync(shims, { recursive: true })
  writeFileSync(join(shims, 'chown'), '#!/bin/sh\n')
  chmodSync(join(shims, 'chown'), 0o755)
  let image = begin(directory, 0)
  for (const { word, rest } of parseDockerfile(readFileSync(dockerfile, 'utf8'))) {
    const inside = (path: string): string => join(image.root, resolve(`/${image.workingDirectory}`, path))
    switch (word) {
      case 'FROM': {
        image = begin(directory, stages.size)
        stages.set(/ as (\S+)$/i.exec(rest)?.[1] ?? String(stages.size), image.root)
        break
      }
      case 'WORKDIR':
        image = { ...image, workingDirectory: resolve(image.workingDirectory, rest) }
        mkdirSync(inside('.'), { recursive: true })
        break
      case 'COPY': {
        const words = rest.split(' ').filter(each => !each.startsWith('--'))
        const from = /--from=(\S+)/.exec(rest)?.[1]
        const target = words.pop() ?? '.'
        for (const source of words) {
          const origin = join(from === undefined ? context : (stages.get(from) ?? ''), source)
          if (from === undefined && ignored(relative(context, origin)))
            throw new Error(`COPY ${source}: .dockerignore leaves it out`)
          const isDirectory = statSync(origin).isDirectory()
          const goal = inside(target.endsWith('/') && !isDirectory ? join(target, basename(origin)) : target)
          cpSync(origin, goal, {
            recursive: true,
            filter: path => from !== undefined || !ignored(relative(context, path)),
          })
        }
        break
      }
      case 'RUN': {
        const command = rest.replaceAll(/(?<=^|\s)\/var\//g, `${image.root}/var/`)
        const { status, stderr } = spawnSync('sh', ['-ec', command], {
          cwd: inside('.'),
          env: { ...bare(), ...image.environment, PATH: `${shims}:${process.env.PATH}` },
          encoding: 'utf8',
        })
        if (status !== 0) throw new Error(`RUN ${rest} ended with ${status}: ${stderr}`)
        break
      }
      case 'ENV': {
        const set = [...rest.matchAll(/([A-Z_]+)=("[^"]*"|\S+)/g)]
        const pairs = set.map(([, name = '', value = '']) => [name, value.replaceAll('"', '')])
        image = { ...image, environment: { ...image.environment, ...Object.fromEntries(pairs) } }
        break
      }
      case 'USER':
        image = { ...image, user: rest }
        break
      case 'EXPOSE':
        image = { ...image, exposed: rest.split(' ').map(Number) }
        break
      case 'ENTRYPOINT':
        image = { ...image, entrypoint: JSON.parse(rest) }
        break
      case 'CMD':
        image = { ...image, command: JSON.parse(rest) }
        break
      case 'HEALTHCHECK':
        image = { ...image, healthcheck: JSON.parse(rest.slice(rest.indexOf('['))) }
        break
      case 'VOLUME':
      case 'STOPSIGNAL':
        break
      default:
        throw new Error(`nothing is known of ${word}`)
    }
  }
  return image
}

function begin(directory: string, number: number): Image {
  const root = join(directory, `stage-${number}`)
  mkdirSync(root, { recursive: true })
  return {
    root,
    workingDirectory: '/',
    environment: {},
    user: undefined,
    entrypoint: [],
    command: [],
    healthcheck: [],
    exposed: [],
  }
}

/** Of the environment, what an image has too. */
export function bare(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME }
}

/** Whether .dockerignore leaves a path of the context out, or a folder above it. */
function ignoredBy(context: string): (path: string) => boolean {
  const file = join(context, '.dockerignore')
  const patterns = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('#'))
    : []
  return path => {
    const parts = path.split('/')
    return parts.some((_, index) => {
      const above = parts.slice(0, index + 1).join('/')
      return patterns.some(pattern => matchesGlob(above, pattern))
    })
  }
}
