/** Small ONNX models for tests, written as protocol buffers (onnx.proto3) by hand: a forest of random trees. */

export interface ForestShape {
  /** Features. */
  readonly width: number
  readonly classes: number
  readonly trees: number
  /** Another seed, another model. */
  readonly seed: number
  /** Has it multiply two square matrices of this size first, to no effect. */
  readonly ballast?: number
  readonly names?: { readonly input?: string; readonly label?: string; readonly probabilities?: string }
}

const DEPTH = 3
const FLOAT = 1
const INT64 = 7

/** Gradient-boosted trees with softmax, as training exports them: features → label, probabilities. */
export function forest({ width, classes, trees, seed, ballast, names = {} }: ForestShape): Buffer {
  const { input = 'features', label = 'label', probabilities = 'probabilities' } = names
  const random = generator(seed)
  const nodes = {
    tree: [] as number[],
    id: [] as number[],
    feature: [] as number[],
    mode: [] as string[],
    value: [] as number[],
  }
  const branches = { left: [] as number[], right: [] as number[] }
  const leaves = { tree: [] as number[], id: [] as number[], class: [] as number[], weight: [] as number[] }
  const inner = 2 ** DEPTH - 1
  for (let tree = 0; tree < trees; tree++) {
    for (let id = 0; id < 2 * inner + 1; id++) {
      const leaf = id >= inner
      nodes.tree.push(tree)
      nodes.id.push(id)
      nodes.feature.push(leaf ? 0 : Math.floor(random() * width))
      nodes.mode.push(leaf ? 'LEAF' : 'BRANCH_LEQ')
      nodes.value.push(leaf ? 0 : random() * 2 - 1)
      branches.left.push(leaf ? 0 : 2 * id + 1)
      branches.right.push(leaf ? 0 : 2 * id + 2)
      if (!leaf) continue
      leaves.tree.push(tree)
      leaves.id.push(id)
      leaves.class.push(tree % classes)
      leaves.weight.push(random() - 0.5)
    }
  }
  const attributes = [
    ints('nodes_treeids', nodes.tree),
    ints('nodes_nodeids', nodes.id),
    ints('nodes_featureids', nodes.feature),
    strings('nodes_modes', nodes.mode),
    floats('nodes_values', nodes.value),
    ints('nodes_truenodeids', branches.left),
    ints('nodes_falsenodeids', branches.right),
    ints('class_treeids', leaves.tree),
    ints('class_nodeids', leaves.id),
    ints('class_ids', leaves.class),
    floats('class_weights', leaves.weight),
    ints(
      'classlabels_int64s',
      Array.from({ length: classes }, (_, i) => i),
    ),
    message(5, [text(1, 'post_transform'), text(4, 'SOFTMAX'), number(20, 3)]),
  ]
  const node = (of: string): Buffer =>
    message(1, [
      text(1, of),
      text(2, label),
      text(2, probabilities),
      text(4, 'TreeEnsembleClassifier'),
      ...attributes,
      text(7, 'ai.onnx.ml'),
    ])
  const graph = message(7, [
    ...(ballast === undefined ? [node(input)] : [...ballastOf(input, ballast), node('same')]),
    text(2, 'forest'),
    tensor(11, input, FLOAT, ['n', width]),
    tensor(12, label, INT64, ['n']),
    tensor(12, probabilities, FLOAT, ['n', classes]),
  ])
  const opsets = [message(8, [text(1, ''), number(2, 13)]), message(8, [text(1, 'ai.onnx.ml'), number(2, 1)])]
  return Buffer.concat([number(1, 7), graph, ...opsets])
}

/** Nodes that make `same` of the input, by way of a product of matrices that depends on it. */
function ballastOf(input: string, size: number): Buffer[] {
  const step = (operator: string, from: readonly string[], to: string, attributes: readonly Buffer[] = []) =>
    message(1, [...from.map(name => text(1, name)), text(2, to), text(4, operator), ...attributes])
  const scalar = message(5, [text(1, 'keepdims'), number(3, 0), number(20, 2)])
  return [
    step('ConstantOfShape', ['square'], 'zeros'),
    step('ReduceMax', [input], 'greatest', [scalar]),
    step('Add', ['zeros', 'greatest'], 'filled'),
    step('MatMul', ['filled', 'filled'], 'product'),
    step('ReduceMax', ['product'], 'one', [scalar]),
    step('Mul', ['one', 'zero'], 'nothing'),
    step('Add', [input, 'nothing'], 'same'),
    message(5, [number(1, 2), number(2, INT64), number(7, size), number(7, size), text(8, 'square')]),
    message(5, [number(2, FLOAT), bytes(9, Buffer.alloc(4)), text(8, 'zero')]),
  ]
}

/** The same numbers, in [0, 1), for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function tensor(field: number, name: string, type: number, shape: readonly (string | number)[]): Buffer {
  const dimensions = shape.map(size =>
    message(1, [typeof size === 'number' ? number(1, size) : text(2, size)]),
  )
  return message(field, [text(1, name), message(2, [message(1, [number(1, type), message(2, dimensions)])])])
}

function ints(name: string, values: readonly number[]): Buffer {
  return message(5, [text(1, name), ...values.map(value => number(8, value)), number(20, 7)])
}

function floats(name: string, values: readonly number[]): Buffer {
  const packed = Buffer.from(Float32Array.from(values).buffer)
  return message(5, [text(1, name), bytes(7, packed), number(20, 6)])
}

function strings(name: string, values: readonly string[]): Buffer {
  return message(5, [text(1, name), ...values.map(value => text(9, value)), number(20, 8)])
}

function message(field: number, parts: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(parts))
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value, 'utf8'))
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value])
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)])
}

function varint(value: number): Buffer {
  const out: number[] = []
  for (; value >= 128; value >>>= 7) out.push((value & 127) | 128)
  out.push(value)
  return Buffer.from(out)
}
