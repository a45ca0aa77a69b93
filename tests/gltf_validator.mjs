// What the Khronos validator says of binary glTF files; exit code 1 unless it says nothing.
// usage: node gltf_validator.mjs FOLDER-OF-THE-NPM-PACKAGE FILE.glb...
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [folder, ...files] = process.argv.slice(2);
const validator = createRequire(import.meta.url)(resolve(folder, 'index.js'));
let clean = files.length > 0;
for (const file of files) {
    const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), { uri: file });
    const { numErrors, numWarnings, numInfos, messages } = report.issues;
    console.log(`${file}: ${numErrors} errors, ${numWarnings} warnings, ${numInfos} infos; ` +
        `${report.info.totalTriangleCount} triangles, ${report.info.resources.length - 1} images`);
    for (const m of messages)
        console.log(`  ${m.code} ${m.pointer ?? ''} ${m.message}`);
    clean &&= messages.length === 0;
}
process.exitCode = clean ? 0 : 1;
