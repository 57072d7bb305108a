// Node's servers for HTTP/1.1 and HTTP/2. What is asked, at `/nonce/size/shape`, they answer as
// `backend.rs` does: with what was sent, and so many bytes of the nonce. After about one answer in
// `perConnection` they close the connection.

import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import path from 'node:path';

const [folder, port, perConnection, transport, version, closes] = process.argv.slice(2);
const tls = transport === 'tls';
const settings = tls
  ? {
      cert: fs.readFileSync(path.join(folder, 'cert.pem')),
      key: fs.readFileSync(path.join(folder, 'key.pem')),
    }
  : {};
const log = fs.openSync(path.join(folder, 'access.log'), 'a');
const numbers = new WeakMap();
let connections = 0;

function numberOf(connection) {
  if (!numbers.has(connection)) numbers.set(connection, ++connections);
  return numbers.get(connection);
}

function content(nonce, size) {
  const line = `this is ${nonce}\n`;
  return line.repeat(Math.ceil(size / line.length)).slice(0, size);
}

// `write` has no length given, so that the body is sent in chunks, or frames.
function answer(request, response, connection, upload) {
  const [, nonce, size, shape] = request.url.split('/');
  const body = Buffer.concat([...upload, Buffer.from(content(nonce, Number(size)))]);
  const last = Math.random() * perConnection < 1;
  response.setHeader('x-nonce', nonce);
  if (last && closes === 'Announced' && version === 'HTTP/1.1') {
    response.setHeader('connection', 'close');
  }
  response.on('finish', () => {
    fs.writeSync(log, `${numberOf(connection)} ${response.statusCode} ${request.url}\n`);
    if (last && version === 'HTTP/2.0') connection.close();
    if (last && closes === 'Silently') connection.end();
  });
  if (shape === 'length') {
    response.setHeader('content-length', body.length);
  } else {
    response.write(body.subarray(0, body.length / 2));
  }
  response.end(shape === 'length' ? body : body.subarray(body.length / 2));
}

function serve(request, response) {
  const connection = version === 'HTTP/2.0' ? request.stream.session : request.socket;
  const upload = [];
  request.on('data', (data) => upload.push(data));
  request.on('end', () => answer(request, response, connection, upload));
}

const server =
  version === 'HTTP/2.0'
    ? tls
      ? http2.createSecureServer(settings, serve)
      : http2.createServer(serve)
    : tls
      ? https.createServer(settings, serve)
      : http.createServer(serve);
server.listen(Number(port), '127.0.0.1');
