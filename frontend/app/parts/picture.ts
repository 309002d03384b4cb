/** Photos as they are kept: at most 2048 px, JPEG, without what the camera writes beside the picture. */
import type { Photo } from "../work/acts";

const MOST_PX = 2048;
const MOST_BYTES = 2_000_000;

export class NoHash extends Error {}

async function sha256(blob: Blob): Promise<string> {
  if (!crypto.subtle) throw new NoHash("hashing needs https");
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function draw(bitmap: ImageBitmap, most: number): HTMLCanvasElement {
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const encode = (canvas: HTMLCanvasElement, type: string, quality?: number) =>
  new Promise<Blob>((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be written"))), type, quality));

export async function photoOf(file: File): Promise<Photo> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  let blob: Blob | null = null;
  for (const [most, quality] of [[MOST_PX, 0.85], [MOST_PX, 0.7], [1600, 0.7], [1200, 0.6]] as const) {
    blob = await encode(draw(bitmap, most), "image/jpeg", quality);
    if (blob.size <= MOST_BYTES) break;
  }
  bitmap.close();
  return { sha: await sha256(blob!), blob: blob!, name: `${file.name.replace(/\.[^.]*$/, "").slice(0, 100) || "photo"}.jpg` };
}

export async function drawing(canvas: HTMLCanvasElement): Promise<{ sha: string; blob: Blob }> {
  const blob = await encode(canvas, "image/png");
  return { sha: await sha256(blob), blob };
}
