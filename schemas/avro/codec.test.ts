import avsc from 'avsc'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SchemaErrorCode } from '../errors.ts'
import { AnnotationRequest, cursor, decoder, ModelRelease, Prediction, SensorReading } from '../index.ts'
import { arbitraryOf } from './arbitraries.ts'
import { recordSchema } from './decoder.ts'
import { parseSchema } from './schema.ts'
import type { AvroType } from './type.ts'

const reading: SensorReading = {
  deviceId: 'watch-0001',
  stamp: 1_600_000_000_123,
  yaw: Number.NaN,
  pitch: -0.25,
  roll: null,
  rotationRateX: 1,
  rotationRateY: Number.POSITIVE_INFINITY,
  rotationRateZ: -0,
  userAccelerationX: 0.1,
  userAccelerationY: 0.2,
  userAccelerationZ: 0.3,
  locationType: 'zu Hause — “daheim”',
  latitudeDistanceFromMean: null,
  longitudeDistanceFromMean: null,
  altitudeDistanceFromMean: null,
  course: -1,
  speed: 0,
  horizontalAccuracy: 65,
  verticalAccuracy: 10,
  batteryState: 'unplugged',
  userActivityLabel: null,
}

function raised(code: SchemaErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

function against<T extends object>(type: AvroType<T>): void {
  const peer = avsc.Type.forSchema(type.schema as avsc.Schema)
  const values = arbitraryOf(recordSchema(type.schema)) as fc.Arbitrary<T>

  test(`${type.name}: avsc writes the same bytes and reads the same values`, () => {
    fc.assert(
      fc.property(values, value => {
        const bytes = type.encode(value)
        expect(bytes.equals(peer.toBuffer(value))).toBe(true)
        expect(type.decode(bytes)).toEqual(value)
        expect(cursor(type)(bytes)).toEqual(value)
      }),
    )
  })

  test(`${type.name}: bytes cut off anywhere, or with one more, are refused`, () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, at) => {
        const bytes = type.encode(value)
        // What lies behind the value in the same memory must not be read.
        const cut = bytes.subarray(0, at % bytes.length)
        for (const decode of [type.decode, decoder(type), cursor(type), decoder(type, { fields: [] })]) {
          expect(() => decode(cut)).toThrow(raised('AVRO_TRUNCATED'))
        }
        expect(() => type.decode(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(raised('AVRO_TRAILING'))
      }),
    )
  })

  test(`${type.name}: a value among others is read as if it were alone, and nothing behind its end`, () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.constantFrom(0, 2, 255), (value, at, behind) => {
        const [bytes, begin] = [type.encode(value), at % 50]
        const among = Buffer.concat([Buffer.alloc(begin, 1), bytes, Buffer.alloc(300, behind)])
        const end = begin + bytes.length
        for (const decode of [type.decode, decoder(type), cursor(type)]) {
          expect(decode(among, begin, end)).toEqual(value)
          expect(() => decode(among, begin, end - 1 - (at % bytes.length))).toThrow(raised('AVRO_TRUNCATED'))
          expect(() => decode(among, begin, end + 1)).toThrow(raised('AVRO_TRAILING'))
        }
      }),
    )
  })

  test(`${type.name}: random bytes give a value or one of our errors`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          expect(type.encode(type.decode(Buffer.from(bytes))).length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toMatchObject({
            name: 'SchemaError',
            code: expect.stringMatching(/^AVRO_(TRUNCATED|TRAILING|MALFORMED)$/),
          })
        }
      }),
      { numRuns: 1000 },
    )
  })
}

against(SensorReading)
against(Prediction)
against(AnnotationRequest)
against(ModelRelease)

describe('encode', () => {
  test.each<[string, object, string]>([
    [
      'a field that is absent',
      { stamp: undefined },
      'SensorReading.stamp must be a whole number within ±2^53, not undefined',
    ],
    [
      'a nullable field that is absent',
      { yaw: undefined },
      'SensorReading.yaw must be a number, not undefined',
    ],
    [
      'a fraction where a whole number belongs',
      { stamp: 1.5 },
      'SensorReading.stamp must be a whole number within ±2^53, not 1.5',
    ],
    ['a number beyond ±2^53', { stamp: 2 ** 53 }, 'SensorReading.stamp must be'],
    ['text where a number belongs', { pitch: '1' }, 'SensorReading.pitch must be a number, not "1"'],
    ['a number where text belongs', { deviceId: 7 }, 'SensorReading.deviceId must be a string, not 7'],
  ])('refuses %s, with the name of the field', (_what, wrong, message) => {
    expect(() => SensorReading.encode({ ...reading, ...wrong })).toThrow(raised('AVRO_VALUE', message))
  })

  const prediction: Prediction = {
    deviceId: 'w',
    windowStart: 0,
    windowEnd: 5000,
    samples: 50,
    label: 'walk',
    confidence: 0.9,
    margin: 0.8,
    probabilities: [0.9, 0.1],
    route: 'sure',
    modelName: 'watch',
    modelVersion: '1.0.0',
    featureSchemaHash: 'x',
  }

  test.each<[string, object, string]>([
    [
      'an unknown symbol',
      { route: 'maybe' },
      'Prediction.route must be one of sure, unsure, unsureOverBudget, randomArm, not "maybe"',
    ],
    [
      'an int of more than 32 bits',
      { samples: 2 ** 31 },
      'Prediction.samples must be a whole number of 32 bits',
    ],
    [
      'an array with a wrong item',
      { probabilities: [1, null] },
      'Prediction.probabilities must be a number, not null',
    ],
    [
      'no array where one belongs',
      { probabilities: { 0: 1 } },
      'Prediction.probabilities must be an array, not an object',
    ],
  ])('refuses %s', (_what, wrong, message) => {
    expect(() => Prediction.encode({ ...prediction, ...wrong })).toThrow(raised('AVRO_VALUE', message))
  })

  test('writes rightly after it refused a value', () => {
    const bytes = SensorReading.encode(reading)
    expect(() => SensorReading.encode({ ...reading, speed: 'fast' as never })).toThrow(raised('AVRO_VALUE'))
    expect(SensorReading.encode(reading).equals(bytes)).toBe(true)
  })

  test('leaves room for a header, and decode begins behind it', () => {
    const bytes = SensorReading.encode(reading, 5)
    expect(bytes.subarray(5).equals(SensorReading.encode(reading))).toBe(true)
    expect(SensorReading.decode(bytes, 5)).toEqual(reading)
    expect(() => SensorReading.decode(bytes, bytes.length + 1)).toThrow(raised('AVRO_TRUNCATED'))
  })
})

describe('decode', () => {
  const one = (type: unknown) =>
    decoder(typeOf({ type: 'record', name: 'One', fields: [{ name: 'x', type }] }))

  test.each<[string, unknown, number[], SchemaErrorCode]>([
    ['a union index beyond the branches', ['null', 'int'], [4], 'AVRO_MALFORMED'],
    ['a negative union index', ['null', 'int'], [1], 'AVRO_MALFORMED'],
    ['an enum index beyond the symbols', { type: 'enum', name: 'E', symbols: ['A'] }, [2], 'AVRO_MALFORMED'],
    ['a varint of eleven bytes', 'long', Array(10).fill(0x80).concat(1), 'AVRO_MALFORMED'],
    ['a varint longer than it needs to be', 'long', [0x80, 0x80, 0], 'AVRO_MALFORMED'],
    ['a long that would be rounded', 'long', Array(8).fill(0xff).concat(0x7f), 'AVRO_MALFORMED'],
    ['an int of more than 32 bits', 'int', [0x80, 0x80, 0x80, 0x80, 0x10], 'AVRO_MALFORMED'],
    ['a double cut off', 'double', [0, 0, 0, 0, 0, 0, 0], 'AVRO_TRUNCATED'],
    ['a float cut off', 'float', [0, 0, 0], 'AVRO_TRUNCATED'],
    ['a nullable double cut off', ['null', 'double'], [2, 0, 0, 0, 0, 0, 0, 0], 'AVRO_TRUNCATED'],
    ['a negative length', 'string', [1], 'AVRO_MALFORMED'],
    ['a length beyond the bytes', 'bytes', [0xfe, 0xff, 0xff, 0xff, 0x0f], 'AVRO_TRUNCATED'],
    [
      'a count beyond the bytes',
      { type: 'array', items: 'int' },
      [0xfe, 0xff, 0xff, 0xff, 0x0f],
      'AVRO_TRUNCATED',
    ],
    [
      'a huge count of items without bytes',
      { type: 'array', items: 'null' },
      [0xfe, 0xff, 0xff, 0xff, 0x0f, 0],
      'AVRO_MALFORMED',
    ],
    [
      'many blocks of items without bytes',
      { type: 'array', items: 'null' },
      Array.from({ length: 100 }, () => [0xc0, 0xf9, 0x03]).flat(), // 32,352 each
      'AVRO_MALFORMED',
    ],
    ['a boolean that is neither', 'boolean', [2], 'AVRO_MALFORMED'],
  ])('refuses %s', (_what, type, bytes, code) => {
    expect(() => one(type)(Buffer.from(bytes))).toThrow(raised(code))
  })

  test('arrays and maps in several blocks, with and without their size in bytes', () => {
    // two items; two more with the block's size; end
    expect(one({ type: 'array', items: 'int' })(Buffer.of(4, 2, 4, 3, 4, 6, 8, 0))).toEqual({
      x: [1, 2, 3, 4],
    })
    expect(one({ type: 'map', values: 'int' })(Buffer.of(2, 2, 97, 2, 1, 6, 2, 98, 4, 0))).toEqual({
      x: { a: 1, b: 2 },
    })
  })

  test('every whole number within ±2^53 comes back, coded as the specification says', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), stamp => {
        const bytes = SensorReading.encode({ ...reading, deviceId: '', stamp })
        expect(SensorReading.decode(bytes).stamp).toBe(stamp)
        let code = stamp < 0 ? -2n * BigInt(stamp) - 1n : 2n * BigInt(stamp)
        const expected = [0]
        for (; code >= 128n; code >>= 7n) expected.push(Number(code & 127n) | 128)
        expect([...bytes.subarray(0, expected.length + 1)]).toEqual([...expected, Number(code)])
      }),
      {
        examples: [
          [Number.MAX_SAFE_INTEGER],
          [Number.MIN_SAFE_INTEGER],
          [-(2 ** 52) - 1],
          [2 ** 30],
          [-(2 ** 30) - 1],
        ],
      },
    )
  })

  test('a map key __proto__ is a key', () => {
    const key = Buffer.from('__proto__')
    const { x } = one({ type: 'map', values: 'int' })(
      Buffer.concat([Buffer.of(2, key.length * 2), key, Buffer.of(2, 0)]),
    ) as {
      x: object
    }
    expect(Object.entries(x)).toEqual([['__proto__', 1]])
  })

  test('text is told apart from text with the same codes or bytes', () => {
    const decode = one('string')
    const texts = ['ab', 'a', '', '\u0000', 'ab']
    // Every character of two bytes, after the text whose characters have these bytes as their codes.
    for (let code = 0x80; code < 0x800; code++) {
      const character = String.fromCharCode(code)
      texts.push(Buffer.from(character).toString('latin1'), character)
    }
    for (const text of texts) {
      const bytes = Buffer.from(text)
      expect(decode(Buffer.concat([Buffer.of(bytes.length * 2), bytes]))).toEqual({ x: text })
    }
  })

  test('bytes are a copy: the fetched batch they came from may be used again', () => {
    const bytes = Buffer.of(4, 1, 2)
    const value = one('bytes')(bytes)
    bytes.fill(9)
    expect(value).toEqual({ x: Buffer.of(1, 2) })
  })
})

describe('decoder and cursor', () => {
  test('give only the fields asked for, and check the others', () => {
    const bytes = SensorReading.encode(reading)
    const spec = { fields: ['deviceId', 'pitch'] as const }
    expect(decoder(SensorReading, spec)(bytes)).toEqual({ deviceId: 'watch-0001', pitch: -0.25 })
    expect(cursor(SensorReading, spec)(bytes)).toEqual({ deviceId: 'watch-0001', pitch: -0.25 })
    expect(() => decoder(SensorReading, spec)(bytes.subarray(0, -1))).toThrow(raised('AVRO_TRUNCATED'))
  })

  test('a cursor is one object, filled anew', () => {
    const read = cursor(SensorReading, { fields: ['deviceId'] })
    const first = read(SensorReading.encode(reading))
    expect(read(SensorReading.encode({ ...reading, deviceId: 'other' }))).toBe(first)
    expect(first.deviceId).toBe('other')
  })

  test('refuse a field that the type does not have', () => {
    expect(() => decoder(SensorReading, { fields: ['pich' as 'pitch'] })).toThrow(
      raised('SCHEMA_INVALID', 'no field pich'),
    )
  })
})

describe('schemas', () => {
  test.each<[string, unknown]>([
    [
      'a name that is source text',
      { type: 'record', name: 'R', fields: [{ name: 'x: process.exit(1), y', type: 'int' }] },
    ],
    ['a record name that is source text', { type: 'record', name: 'R(){}; evil(); function f', fields: [] }],
    ['a symbol that is source text', { type: 'enum', name: 'E', symbols: ["'+evil()+'"] }],
    ['a field __proto__', { type: 'record', name: 'R', fields: [{ name: '__proto__', type: 'int' }] }],
    ['a type that is not defined', { type: 'record', name: 'R', fields: [{ name: 'x', type: 'S' }] }],
    ['a union with a type twice', ['int', 'int']],
    ['a huge fixed', { type: 'fixed', name: 'F', size: 2 ** 40 }],
    ['a number', 7],
  ])('refuse %s', (_what, json) => {
    expect(() => parseSchema(json)).toThrow(raised('SCHEMA_INVALID'))
  })

  test('a fingerprint changes with what decides the bytes, and not with docs', () => {
    const prints = [SensorReading, Prediction, AnnotationRequest, ModelRelease].map(type => type.fingerprint)
    expect(new Set(prints).size).toBe(4)
    expect(prints.every(print => /^[0-9a-f]{16}$/.test(print))).toBe(true)
  })
})

function typeOf(schema: object): AvroType<Record<string, unknown>> {
  const unused = (): never => {
    throw new Error('only the schema is used')
  }
  return { name: 'test', schema, fingerprint: '', encode: unused, decode: unused }
}
