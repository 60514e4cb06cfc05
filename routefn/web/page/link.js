// One connection to a node. It knows frames, but no chats. It calls, in this order:
// opened(frame) when the node has confirmed the session, frame(frame) for every other
// frame, and closed(code) once. The code is zero if the node gave none.

const loginPatience = 15_000; // ms that the node may be silent before its confirmation
const loginPing = 5_000; // ms between pings before the confirmation; a node answers them even if many clients came at once
const pingPatience = 5_000; // ms for the answer to a ping

export class Link {
  constructor(node, ticket, handlers) {
    this.node = node;
    this.handlers = handlers;
    this.code = 0;
    this.over = false;
    this.confirmed = false;
    this.socket = new WebSocket((node.tls ? "wss://" : "ws://") + node.address + (node.path || "/ws"), ["cim.v1.json"]);
    this.timer = setTimeout(() => this.close(), loginPatience);
    this.asking = setInterval(() => this.send({ cmd: "ping" }), loginPing);
    this.socket.onopen = () => this.send({ cmd: "login-request", ticket });
    this.socket.onmessage = (event) => this.read(event.data);
    this.socket.onclose = (event) => this.end(event.code >= 4000 && event.code < 4300 ? event.code : 0);
  }

  // send writes a frame, and reports whether the WebSocket accepted it.
  send(frame) {
    if (this.over || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  close() {
    this.socket.close(1000);
    this.end(0); // a dead peer does not answer the closing of a WebSocket
  }

  end(code) {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    clearInterval(this.asking);
    this.handlers.closed(this.code || code);
  }

  read(text) {
    if (this.over) return;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      this.close();
      return;
    }
    if (!this.confirmed) {
      this.confirm(frame);
      return;
    }
    this.pingLater();
    if (frame.cmd === "kick") this.code = frame.code ?? 0;
    if (frame.cmd !== "ping") this.handlers.frame(frame);
  }

  confirm(frame) {
    if (frame.cmd === "ping") {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.close(), loginPatience);
      return;
    }
    clearInterval(this.asking);
    if (frame.cmd !== "login-answer" || frame.code) {
      this.code = frame.code ?? 0;
      this.close();
      return;
    }
    this.confirmed = true;
    this.pause = (frame.pingSeconds || 10) * 1000;
    this.pingLater();
    this.handlers.opened(frame);
  }

  // pingLater sends a ping after the node has been silent for a while.
  pingLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.send({ cmd: "ping" });
      this.timer = setTimeout(() => this.close(), pingPatience);
    }, this.pause);
  }
}
