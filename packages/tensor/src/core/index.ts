export { byteLength, type DType } from './dtype.ts';
export { SavedTensor } from './saved.ts';
export { chain, joinScopes, openScope, Scope, scoped, type TensorData } from './scope.ts';
export * from './shape.ts';
export {
  AutogradError,
  type GradientSink,
  type GradientSource,
  joinTapes,
  Tape,
  type TapeNode,
} from './tape.ts';
export { Storage, Tensor } from './tensor.ts';
