/** Gives a command its settings: from flags before the environment, before the file, before what holds by default. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { securityMistakes } from '../kafka/security.ts'
import { keyOf, type SettingName, type Settings, settingNames, settings, variableOf } from './settings.ts'
import { defaultFile, fileVariable, fromEnvironment, fromFile, type Written } from './sources.ts'

/** By what name a setting was given, such as --port or TICKERWATCH_PORT; undefined where its default holds. */
export type Given = (name: SettingName) => string | undefined

export interface Configuration<Name extends SettingName> {
  readonly names: readonly Name[]
  /** Of these, those without which the command cannot do its work. */
  readonly required?: readonly Name[]
  /** What a setting means to this command, where the table of settings does not say it. */
  readonly about?: Partial<Record<Name, string>>
  /** What is wrong with the settings together; a setting that is wrong by itself has its default here. */
  readonly check?: (settings: Pick<Settings, Name>, given: Given) => readonly string[]
}

const configured = new WeakMap<Command, readonly SettingName[]>()

/** The settings that a command takes. */
export function settingsOf(command: Command): readonly SettingName[] {
  return configured.get(command) ?? []
}

/**
 * Adds flags to the command, and before its action puts the values of all settings in its options. Where something is
 * wrong, all of it is printed and the exit code is 2.
 */
export function configure<Name extends SettingName>(
  command: Command,
  { names, required = [], about, check = () => [] }: Configuration<Name>,
): Command {
  configured.set(command, names)
  for (const name of names) {
    const { value, default: fallback, otherwise, about: meaning, flag } = settings[name]
    if (!flag) continue
    const needed = required.includes(name)
    const note = otherwise === undefined || needed ? '' : ` (default: ${otherwise})`
    const option = new Option(
      `--${keyOf(name)}${value === undefined ? '' : ` ${value}`}`,
      `${about?.[name] ?? meaning}${about?.[name] === undefined ? note : ''}`,
    )
    const shown = fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)
    command.addOption(shown ? option : option.default(fallback))
  }
  return command
    .option(
      '--settings <file>',
      `settings that are not given otherwise (default: ${defaultFile}, if it is there)`,
    )
    .addHelpText('after', `\nSettings may also come from the environment or a file: docs/configuration.md.`)
    .hook('preAction', () => {
      const flags = new Map<SettingName, Written>()
      for (const name of names) {
        if (command.getOptionValueSource(name) !== 'cli') continue
        const value: unknown = command.getOptionValue(name)
        flags.set(name, {
          text: Array.isArray(value) ? value.join(',') : String(value),
          origin: `--${keyOf(name)}`,
        })
      }
      const named: unknown = command.getOptionValue('settings')
      const settled = settle(names, flags, typeof named === 'string' ? named : undefined, process.env)
      const mistakes = [...settled.mistakes]
      for (const name of required) {
        if (settled.given(name) === undefined)
          mistakes.push(
            `--${keyOf(name)} is needed: give it, or ${variableOf(name)}, or ${keyOf(name)} in ${defaultFile}.`,
          )
      }
      if (names.some(name => name === 'kafkaSasl')) mistakes.push(...securityMistakes(settled.values))
      mistakes.push(...check(settled.values, settled.given))
      if (mistakes.length > 0) command.error(mistakes.join('\n'), { exitCode: 2 })
      for (const name of names) command.setOptionValue(name, settled.values[name])
    })
}

interface Settled {
  readonly values: Settings
  readonly given: Given
  readonly mistakes: readonly string[]
}

/**
 * The value of each setting, and all that is wrong. The file is checked whole; flags and the environment as far as they are
 * about `names`.
 * @param path the file that --settings names
 */
export function settle(
  names: readonly SettingName[],
  flags: ReadonlyMap<SettingName, Written>,
  path: string | undefined,
  env: NodeJS.ProcessEnv,
): Settled {
  const named = path ?? (env[fileVariable] || undefined)
  const file = fromFile(named ?? defaultFile, { mustExist: named !== undefined })
  const environment = fromEnvironment(env)
  const mistakes = [...environment.mistakes, ...file.mistakes]
  const given = (name: SettingName): Written | undefined =>
    flags.get(name) ?? environment.written.get(name) ?? file.written.get(name)

  const parsed = (name: SettingName, written: Written): unknown => {
    const { parse, secret, default: fallback } = settings[name]
    try {
      return parse(written.text)
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      const what = secret ? written.origin : `${written.origin} '${written.text}'`
      mistakes.push(`${what} is invalid. ${error.message}`)
      return fallback
    }
  }
  const values: Partial<Record<SettingName, unknown>> = {}
  for (const name of settingNames) {
    const written = names.includes(name) ? given(name) : file.written.get(name)
    values[name] = written === undefined ? settings[name].default : parsed(name, written)
  }
  return { values: values as Settings, given: name => given(name)?.origin, mistakes }
}
