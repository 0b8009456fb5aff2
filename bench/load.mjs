/**
 * A load generator that costs little itself, because it shares the machine with what it measures: raw sockets kept
 * alive, requests made beforehand, of each answer only its status and length read.
 */
import { connect } from 'node:net';

/** A request as bytes. */
export function request(method, path, { token, body, headers = {} } = {}) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: bench',
    'User-Agent: ecatalog-bench',
    ...(token ? [`Authorization: Bearer ${token}`] : []),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined
      ? method === 'GET'
        ? []
        : ['Content-Length: 0']
      : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`);
}

/**
 * Sends requests one after another on each of several connections.
 * @param next returns the next request, or undefined to stop
 * @param expected the status that is no error
 * @returns how many were answered and how fast (requests a second, latencies in ms), and the unexpected statuses
 */
export async function load({ port, connections, seconds = Infinity, next, expected }) {
  const latencies = [];
  const unexpected = {};
  const started = performance.now();
  const end = started + seconds * 1000;
  const answered = (status, ms) => {
    if (status === expected) latencies.push(ms);
    else unexpected[status] = (unexpected[status] ?? 0) + 1;
  };
  await Promise.all(Array.from({ length: connections }, () => oneConnection({ port, end, next, answered })));
  const elapsed = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN;
  return {
    count: latencies.length,
    rate: latencies.length / elapsed,
    p50: at(0.5),
    p99: at(0.99),
    unexpected,
  };
}

/** One request alone: its status, its time in ms, and its body. */
export function ask(port, bytes) {
  return new Promise((resolve, reject) => {
    let sent;
    const socket = connect(port, '127.0.0.1', () => {
      sent = performance.now();
      socket.write(bytes);
    });
    const read = answerReader((status, body) => {
      socket.end();
      resolve({ status, ms: performance.now() - sent, body });
    });
    socket.setNoDelay(true).on('data', read).once('error', reject);
    socket.once('close', () => reject(new Error('closed without an answer')));
  });
}

function oneConnection({ port, end, next, answered }) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let sent = 0;
    const send = () => {
      const now = performance.now();
      const bytes = now < end ? next() : undefined;
      if (bytes === undefined) return void socket.end(() => resolve());
      sent = now;
      socket.write(bytes);
    };
    const read = answerReader((status) => {
      answered(status, performance.now() - sent);
      send();
    });
    socket.setNoDelay(true).once('connect', send).on('data', read).once('error', reject);
    socket.once('close', () => resolve());
  });
}

/** Takes an answer's bytes as they come and calls back when it is whole: by Content-Length, or chunked. */
function answerReader(done) {
  let held = Buffer.alloc(0);
  return (bytes) => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    const headEnd = held.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = held.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: (\d+)/i.exec(head);
    const bodyEnd = length
      ? headEnd + 4 + Number(length[1])
      : /\r\ntransfer-encoding: chunked/i.test(head)
        ? endOfChunks(held, headEnd + 4)
        : headEnd + 4;
    if (bodyEnd === undefined || held.length < bodyEnd) return;
    const body = held.toString('utf8', headEnd + 4, bodyEnd);
    held = held.subarray(bodyEnd);
    done(Number(head.slice(9, 12)), body);
  };
}

function endOfChunks(bytes, from) {
  const last = bytes.indexOf('0\r\n\r\n', from);
  return last < 0 ? undefined : last + 5;
}
