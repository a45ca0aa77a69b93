// Fills tests/golden/recognizer.json with the descriptors that @vladmandic/face-api itself computes.
//
//   tests/test_recognizer --crops crops.rgb        (in a build tree: the crops that the file lists)
//   node scripts/make_recognizer_golden.mjs PACKAGE crops.rgb tests/golden/recognizer.json
//
// PACKAGE is the unpacked npm package, version 1.7.15; its bundled TensorFlow.js runs on the plain
// CPU backend. A crop is listed by sample (1 .. 6), x, y and step: pixel (i, j) of the crop is pixel
// (x + i step, y + j step) of the photo, so that no resampling stands between the two programs.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [pkg, cropsFile, goldenFile] = process.argv.slice(2);
if (!goldenFile) {
  console.error('usage: make_recognizer_golden.mjs PACKAGE CROPS.rgb GOLDEN.json');
  process.exit(1);
}

// The bundle asks Node for modules that it does not carry; with these it takes itself to be in a
// browser and needs none.
const node = globalThis.process;
globalThis.process = undefined;
globalThis.window = globalThis;
globalThis.document = { createElement: () => ({ getContext: () => null }) };
const faceapi = await import(pathToFileURL(path.join(pkg, 'dist/face-api.esm.js')));
globalThis.process = node;

const { tf } = faceapi;
await tf.setBackend('cpu');
await tf.ready();

const model = path.join(pkg, 'model/face_recognition_model');
const manifest = JSON.parse(fs.readFileSync(`${model}-weights_manifest.json`));
const bytes = fs.readFileSync(`${model}.bin`);
const weights = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const net = new faceapi.FaceRecognitionNet();
net.loadFromWeightMap(tf.io.decodeWeights(weights, manifest[0].weights));

const golden = JSON.parse(fs.readFileSync(goldenFile));
const crops = fs.readFileSync(cropsFile);
const size = 150 * 150 * 3;
if (crops.length !== size * golden.crops.length) {
  throw new Error(`${cropsFile} does not hold the ${golden.crops.length} crops of ${goldenFile}`);
}
golden.crops.forEach((crop, i) => {
  const pixels = new Uint8Array(crops.subarray(i * size, (i + 1) * size));
  const input = new faceapi.NetInput([tf.tensor3d(pixels, [150, 150, 3], 'int32')]);
  crop.descriptor = Array.from(net.forwardInput(input).dataSync(), (v) => Number(v.toPrecision(8)));
});

const line = (crop) => `    ${JSON.stringify(crop)}`;
fs.writeFileSync(goldenFile, `{
  "package": ${JSON.stringify(golden.package)},
  "crops": [
${golden.crops.map(line).join(',\n')}
  ]
}
`);
