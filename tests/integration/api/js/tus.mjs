// tus-js-client as it is, against the API's uploads.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { run } from '../../../realtime/js/run.mjs';

const require = createRequire(new URL('../../../../services/web/package.json', import.meta.url));
const tus = require('tus-js-client');

/** {url, port, token} of the API. */
const api = JSON.parse(process.env.TABOOR_API);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'taboor-tus-'));
const SIZE = 3_300_000;
const MIB = 2 ** 20;

function film(name) {
  const file = path.join(folder, `${name}.mp4`);
  fs.writeFileSync(file, crypto.randomBytes(SIZE));
  return file;
}

/** Upload a file; `interfere` may stop what it gets. Resolves to the upload when it is done. */
function uploaded(file, options = {}, interfere = () => {}) {
  return new Promise((done, fail) => {
    const upload = new tus.Upload(fs.createReadStream(file), {
      endpoint: `${api.url}/uploads`,
      headers: { Authorization: `Bearer ${api.token}` },
      metadata: { filename: path.basename(file), filetype: 'video/mp4' },
      uploadSize: SIZE,
      chunkSize: MIB,
      retryDelays: [0, 100, 300, 1000, 1000],
      onError: fail,
      onSuccess: () => done(upload),
      onProgress: (sent) => interfere(upload, sent, done),
      ...options,
    });
    upload.start();
  });
}

/** Tell the test where a file went. */
function told(upload, file) {
  const sha256 = crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');
  console.log(JSON.stringify({ uploaded: new URL(upload.url).pathname, sha256, filename: path.basename(file) }));
}

/** A way to the API that breaks off, the first few times, after so many bytes. */
async function brokenWay(times, bytes) {
  const server = net.createServer((client) => {
    const onward = net.connect(api.port, '127.0.0.1');
    let left = times-- > 0 ? bytes : Infinity;
    client.on('data', (part) => {
      onward.write(part.subarray(0, Math.max(0, Math.min(part.length, left))));
      if ((left -= part.length) <= 0) client.destroy();
    });
    onward.on('data', (part) => client.write(part));
    for (const [one, other] of [[client, onward], [onward, client]]) one.on('error', () => {}).on('close', () => other.destroy());
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  server.unref();
  return `http://127.0.0.1:${server.address().port}/uploads`;
}

await run({
  'T1 a file comes in chunks': async () => {
    const file = film('رحلة');
    told(await uploaded(file), file);
  },

  'T2 its first chunk comes with the creation': async () => {
    const file = film('with-creation');
    told(await uploaded(file, { uploadDataDuringCreation: true }), file);
  },

  'T3 all of it comes as one stream': async () => {
    const file = film('stream');
    told(await uploaded(file, { chunkSize: Infinity }), file);
  },

  'T4 who stopped goes on where they were': async () => {
    const file = film('paused');
    const first = await uploaded(file, {}, (upload, sent, done) => {
      if (sent > 1.5 * MIB) upload.abort().then(() => done(upload));
    });
    const offsets = [];
    const again = await uploaded(file, {
      uploadUrl: first.url,
      onBeforeRequest: (request) => offsets.push([request.getMethod(), request.getHeader('Upload-Offset')]),
    });
    assert.equal(again.url, first.url);
    assert.equal(offsets[0][0], 'HEAD');
    assert.ok(Number(offsets[1][1]) >= MIB, `went on at ${offsets[1]}`);
    told(again, file);
  },

  'T5 a line that breaks again and again is only slower': async () => {
    const file = film('broken');
    told(await uploaded(file, { endpoint: await brokenWay(4, 1_200_000), chunkSize: Infinity }), file);
  },

  'T6 who changes their mind leaves nothing': async () => {
    const file = film('unwanted');
    const upload = await uploaded(file, {}, (upload, sent, done) => {
      if (sent > 1.5 * MIB) upload.abort(true).then(() => done(upload));
    });
    const headers = { 'Tus-Resumable': '1.0.0', Authorization: `Bearer ${api.token}` };
    assert.equal((await fetch(upload.url, { method: 'HEAD', headers })).status, 404);
  },

  'T7 a proxy that knows no PATCH is no hindrance': async () => {
    const file = film('overridden');
    told(await uploaded(file, { overridePatchMethod: true }), file);
  },

  'T8 a refusal is heard, and not tried again': async () => {
    const tries = [];
    const refused = uploaded(film('too-large'), { uploadSize: 2 ** 40, onAfterResponse: (_, answer) => tries.push(answer.getStatus()) });
    const error = await refused.then(() => null, (failure) => failure);
    assert.equal(error.originalResponse.getStatus(), 413);
    assert.equal(JSON.parse(error.originalResponse.getBody()).code, 'too_large');
    assert.deepEqual(tries, [413]);
  },
}, () => {});
