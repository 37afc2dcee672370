export { mergePicks, type TunedShape, type TuneOptions, type TuneResult, tune } from './tune.ts';
