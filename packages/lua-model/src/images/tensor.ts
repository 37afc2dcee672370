import { ShapeError } from '@lua-webgpu/kernels';
import { formatShape, type Scope, type Tensor } from '@lua-webgpu/tensor';
import { type RgbImage, requireImage } from './rgb-image.ts';

/** Uploads a picture as [1, 3, H, W], what a VAE's encoder takes. @throws ShapeError `image-shape` */
export function imageToTensor(scope: Scope, image: RgbImage): Tensor {
  return imagesToTensor(scope, [image]);
}

/**
 * Uploads pictures of one size as [B, 3, H, W].
 * @throws ShapeError `image-shape` for no pictures, or for pictures of several sizes
 */
export function imagesToTensor(scope: Scope, images: readonly RgbImage[]): Tensor {
  const [first] = images;
  if (first === undefined) {
    throw new ShapeError('image-shape', 'imagesToTensor: there are no pictures', 'Pass at least one.');
  }
  const { width, height } = first;
  const area = width * height;
  const planes = new Float32Array(images.length * 3 * area);
  for (const [b, image] of images.entries()) {
    requireImage('imagesToTensor', image);
    if (image.width !== width || image.height !== height) {
      throw new ShapeError(
        'image-shape',
        `imagesToTensor: pictures of ${width}×${height} and ${image.width}×${image.height} pixels`,
        'Crop or resize them to one size.',
      );
    }
    for (let c = 0; c < 3; c++) {
      const plane = planes.subarray((3 * b + c) * area, (3 * b + c + 1) * area);
      for (let i = 0; i < area; i++) plane[i] = image.data[3 * i + c] as number;
    }
  }
  return scope.tensor(planes, [images.length, 3, height, width]);
}

/** Reads a tensor [1, 3, H, W] back as a picture, clamped to [0, 1]; NaN stays NaN. @throws ShapeError `image-shape` */
export async function tensorToImage(tensor: Tensor): Promise<RgbImage> {
  const [image, ...others] = await tensorToImages(tensor);
  if (image && others.length === 0) return image;
  throw new ShapeError(
    'image-shape',
    `tensorToImage: ${formatShape(tensor.shape)} holds ${tensor.shape[0]} pictures`,
    'Use tensorToImages.',
  );
}

/** As `tensorToImage` for [B, 3, H, W]. */
export async function tensorToImages(tensor: Tensor): Promise<RgbImage[]> {
  const [batch = 0, channels = 0, height = 0, width = 0] = tensor.shape;
  if (tensor.shape.length !== 4 || channels !== 3) {
    throw new ShapeError(
      'image-shape',
      `tensorToImages: ${formatShape(tensor.shape)} is no batch of pictures`,
      'Pass [B, 3, H, W].',
    );
  }
  const planes = await tensor.readFloats();
  const area = width * height;
  return Array.from({ length: batch }, (_, b) => {
    const data = new Float32Array(3 * area);
    for (let c = 0; c < 3; c++) {
      const plane = planes.subarray((3 * b + c) * area, (3 * b + c + 1) * area);
      for (let i = 0; i < area; i++) data[3 * i + c] = Math.min(1, Math.max(0, plane[i] as number));
    }
    return { width, height, data };
  });
}
