/** Pictures on the host: files through sharp, crops, the bicubic of data preparation, and the way to and from tensors. */

export { type CropBox, centreCrop, cropImage, cropToMultiple } from './crop.ts';
export { hasImageExtension, type ImageFormat, imageExtensions, imageFormatOf } from './format.ts';
export { type ReadImage, type ReadImageOptions, readImage } from './read.ts';
export { resizeImage } from './resize.ts';
export { type RgbImage, requireImage } from './rgb-image.ts';
export { readImageSize } from './size.ts';
export { labelledStrip, type StripPanel, stackImages } from './strip.ts';
export { imagesToTensor, imageToTensor, tensorToImage, tensorToImages } from './tensor.ts';
export { encodeImage, writeImage } from './write.ts';
