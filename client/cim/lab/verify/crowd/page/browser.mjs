// This module gives the page's modules in Node.js the parts of a browser that they use.
// These are fetch, a localStorage in a folder, and a WebSocket that faults can hit.

import { createHash, randomBytes, webcrypto } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as secure } from "node:tls";

const room = 5 << 20; // characters in a localStorage, as browsers have it
const slowRate = 12.5; // bytes in a ms, of a slow reader
const closing = 2_000; // ms for the other side to answer a close
const largest = 16 << 20; // bytes in a frame
const accepts = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // of RFC 6455

const text = 1, close = 8, ping = 9, pong = 10; // opcodes

export const network = {
  slow: false,
  sockets: new Set(),
  cut: () => network.sockets.forEach((s) => s.finish(1006)),
  tear: () => network.sockets.forEach((s) => (s.tearing = true)), // in the next frame
  mute: () => network.sockets.forEach((s) => (s.mute = true)), // loses everything, both ways
};

// Socket is a WebSocket without extensions, for text.
class Socket {
  static OPEN = 1;

  constructor(url, protocols) {
    const { protocol, hostname, port, pathname, host } = new URL(url);
    const tls = protocol === "wss:";
    const at = { host: hostname.replace(/^\[|\]$/g, ""), port: port || (tls ? 443 : 80), noDelay: true };
    this.readyState = 0;
    this.key = randomBytes(16).toString("base64");
    this.protocols = protocols;
    this.rest = Buffer.alloc(0);
    this.parts = [];
    network.sockets.add(this);
    this.raw = tls ? secure(at) : connect(at);
    this.raw.on(tls ? "secureConnect" : "connect", () =>
      this.raw.write(
        `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${this.key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${protocols.join(", ")}\r\n\r\n`,
      ),
    );
    this.raw.on("data", (bytes) => this.hear(bytes));
    this.raw.on("error", () => {}); // close follows
    this.raw.on("close", () => this.finish(1006));
  }

  send(message) {
    this.write(text, Buffer.from(message));
  }

  close(code = 1000) {
    if (this.readyState > 1) return;
    if (this.readyState === 0) return this.finish(1006);
    this.writeClose(code);
    this.readyState = 2;
    setTimeout(() => this.finish(1006), closing);
  }

  writeClose(code) {
    const body = Buffer.alloc(2);
    body.writeUInt16BE(code);
    this.write(close, body);
  }

  write(opcode, body) {
    if (this.readyState !== 1 || this.mute) return;
    const mask = randomBytes(4);
    let head;
    if (body.length < 126) {
      head = Buffer.from([0x80 | opcode, 0x80 | body.length]);
    } else if (body.length < 1 << 16) {
      head = Buffer.from([0x80 | opcode, 0x80 | 126, 0, 0]);
      head.writeUInt16BE(body.length, 2);
    } else {
      head = Buffer.from([0x80 | opcode, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeBigUInt64BE(BigInt(body.length), 2);
    }
    const frame = Buffer.concat([head, mask, body.map((b, i) => b ^ mask[i % 4])]);
    if (!this.tearing) return void this.raw.write(frame);
    this.raw.write(frame.subarray(0, frame.length / 2));
    this.raw.destroySoon();
  }

  hear(bytes) {
    if (this.mute || this.readyState === 3) return;
    if (network.slow) {
      this.raw.pause();
      setTimeout(() => this.raw.resume(), bytes.length / slowRate);
    }
    this.rest = Buffer.concat([this.rest, bytes]);
    if (this.readyState === 0 && !this.shake()) return;
    while (this.readyState !== 3 && this.read());
  }

  // shake reads the answer to the handshake and reports whether it is there.
  shake() {
    const end = this.rest.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const [status, ...lines] = this.rest.subarray(0, end).toString("latin1").split("\r\n");
    this.rest = this.rest.subarray(end + 4);
    const header = new Map(lines.map((l) => [l.slice(0, l.indexOf(":")).toLowerCase(), l.slice(l.indexOf(":") + 1).trim()]));
    const proof = createHash("sha1").update(this.key + accepts).digest("base64");
    if (!/^HTTP\/1\.1 101 /.test(status) || header.get("sec-websocket-accept") !== proof || !this.protocols.includes(header.get("sec-websocket-protocol"))) {
      this.finish(1006);
      return false;
    }
    this.readyState = 1;
    this.onopen?.();
    return true;
  }

  // read takes one frame from the bytes that arrived, and reports whether there was one.
  read() {
    const { rest } = this;
    if (rest.length < 2) return false;
    let length = rest[1] & 0x7f, at = 2;
    if (length === 126) {
      if (rest.length < 4) return false;
      [length, at] = [rest.readUInt16BE(2), 4];
    } else if (length === 127) {
      if (rest.length < 10) return false;
      [length, at] = [Number(rest.readBigUInt64BE(2)), 10];
    }
    if (rest[1] & 0x80 || rest[0] & 0x70 || length > largest) return this.fail(1002);
    if (rest.length < at + length) return false;
    this.rest = rest.subarray(at + length);
    return this.take(rest[0] & 0x0f, (rest[0] & 0x80) !== 0, rest.subarray(at, at + length));
  }

  take(opcode, final, body) {
    switch (opcode) {
      case close: {
        const code = body.length >= 2 ? body.readUInt16BE(0) : 1005;
        this.writeClose(code === 1005 ? 1000 : code);
        this.raw.destroySoon();
        this.finish(code);
        return false;
      }
      case ping:
        this.write(pong, body);
        return true;
      case pong:
        return true;
      case text:
      case 0:
        if ((opcode === 0) !== this.parts.length > 0) return this.fail(1002);
        this.parts.push(body);
        if (final) this.deliver();
        return true;
      default:
        return this.fail(1003);
    }
  }

  deliver() {
    const whole = Buffer.concat(this.parts);
    this.parts = [];
    let data;
    try {
      data = new TextDecoder("utf-8", { fatal: true }).decode(whole);
    } catch {
      return this.fail(1007);
    }
    if (this.readyState === 1) this.onmessage?.({ data });
  }

  fail(code) {
    this.writeClose(code);
    this.raw.destroySoon();
    this.finish(1006);
    return false;
  }

  finish(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    network.sockets.delete(this);
    if (!this.raw.writableEnded) this.raw.destroy();
    setImmediate(() => this.onclose?.({ code }));
  }
}

// Storage is a localStorage that keeps each entry in a file of a folder.
class Storage {
  constructor(folder) {
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    this.map = new Map(readdirSync(folder).filter((f) => f !== "new").map((f) => [decodeURIComponent(f), readFileSync(this.file(decodeURIComponent(f)), "utf8")]));
    this.used = [...this.map].reduce((sum, [k, v]) => sum + k.length + v.length, 0);
  }
  file(k) { return this.folder + "/" + encodeURIComponent(k); }
  size(k) { return this.map.has(k) ? k.length + this.map.get(k).length : 0; }
  get length() { return this.map.size; }
  key(i) { return [...this.map.keys()][i] ?? null; }
  getItem(k) { return this.map.get(k) ?? null; }
  removeItem(k) {
    if (!this.map.has(k)) return;
    this.used -= this.size(k);
    this.map.delete(k);
    rmSync(this.file(k));
  }
  setItem(k, v) {
    const used = this.used - this.size(k) + k.length + v.length;
    if (used > room) throw new Error("QuotaExceededError");
    writeFileSync(this.folder + "/new", v);
    renameSync(this.folder + "/new", this.file(k));
    this.map.set(k, v);
    this.used = used;
  }
}

// install makes this process a tab of a page that the route served.
export function install(route, folder) {
  const fetched = globalThis.fetch;
  const set = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  globalThis.crypto ??= webcrypto;
  set("WebSocket", Socket);
  set("localStorage", new Storage(folder));
  set("document", { hidden: false });
  set("fetch", (path, init) => fetched(new URL(path, route + "/"), init));
}
