export {
  type BinaryBuffers,
  type BinaryFunction,
  type BinaryShape,
  binary,
  binaryFamily,
  binaryStrided,
  binaryStridedVector,
  binaryVector,
} from './binary.ts';
export { broadcastSizes } from './broadcast.ts';
export {
  type UnaryFunction,
  type UnaryShape,
  unary,
  unaryFamily,
  unaryScalar,
  unaryVector,
} from './unary.ts';
export {
  unaryGradient,
  unaryGradientFamily,
  unaryGradientScalar,
  unaryGradientVector,
} from './unary-gradient.ts';
