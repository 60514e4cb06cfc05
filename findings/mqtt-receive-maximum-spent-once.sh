#!/usr/bin/env bash
# An MQTT subscriber that says how many messages it can take at once gets twice as many
# of a larger burst, and then nothing more on this connection, though it acknowledges all.
#
# Versions   github.com/mochi-mqtt/server/v2 v2.7.9 (its own program cmd), MQTT.js 5.16.0 (npm)
# Set-up     a subscriber (QoS 1) says receiveMaximum R and is slow for a moment: it takes and
#            acknowledges nothing until a burst of 100 is published. Then it takes all it
#            gets. 5 s after the last one, one message more is published.
# Behaviour  R        10   20   none said
#            gets     20   40   100 and the one more
#            It stays connected, and a further SUBSCRIBE is answered. When it connects again
#            it gets the other 81 and 61.
# The broker counts a message that had to wait as sent and done: it forgets it before the
# acknowledgement, which then gives nothing back. R such messages spend the allowance.
# It matters to whoever sets a Receive Maximum to be spared by bursts: one burst is enough.
#
# Needs: go, node with npm, python3, bash. Loopback only.
set -euo pipefail
dir=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill "$broker" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
GOFLAGS= GOBIN=$dir go install github.com/mochi-mqtt/server/v2/cmd@v2.7.9 2>/dev/null
npm install --silent --no-audit --no-fund mqtt@5.16.0 >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
./cmd -tcp "127.0.0.1:$port" -ws 127.0.0.1:0 -info 127.0.0.1:0 >broker.log 2>&1 &
broker=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 "$broker"; sleep 0.1; done
cat >burst.mjs <<'JS'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import mqtt from 'mqtt'

const url = `mqtt://127.0.0.1:${process.argv[2]}`
const quiet = 5000 // ms without a message: no more will come

async function connect(options) {
  const client = mqtt.connect(url, { protocolVersion: 5, ...options })
  await once(client, 'connect')
  return client
}

// settled resolves when count() has not changed for quiet ms.
async function settled(count) {
  for (let seen = -1; seen !== count();) {
    seen = count()
    await pause(quiet)
  }
}

async function burst(name, properties) {
  const got = new Set()
  const session = {
    clientId: name, clean: false,
    properties: { sessionExpiryInterval: 3600, ...properties },
  }
  const publisher = await connect({ clientId: `for-${name}` })
  const publish = (n) => publisher.publishAsync(`to/${name}`, String(n), { qos: 1 })
  const subscriber = await connect(session)
  let faults = 0
  let begin
  const allowed = new Promise((resolve) => { begin = resolve })
  subscriber.on('error', () => faults++)
  subscriber.on('close', () => faults++)
  subscriber.handleMessage = (packet, done) => allowed.then(() => {
    got.add(packet.payload.toString())
    done()
  })
  await subscriber.subscribeAsync(`to/${name}`, { qos: 1 })
  for (let n = 1; n <= 100; n++) await publish(n)
  begin()
  await settled(() => got.size)
  await publish(101)
  await settled(() => got.size)
  const online = got.size
  await subscriber.subscribeAsync(`also-to/${name}`, { qos: 1 }) // is answered
  const connected = subscriber.connected && faults === 0
  await subscriber.endAsync(true)

  const again = mqtt.connect(url, { protocolVersion: 5, ...session })
  again.on('message', (_, payload) => got.add(payload.toString()))
  await settled(() => got.size)
  await again.endAsync(true)
  await publisher.endAsync()
  return [online, connected ? 'connected' : 'cut', got.size - online]
}

const said = [['alice', { receiveMaximum: 10 }], ['bob', { receiveMaximum: 20 }], ['carol', {}]]
const results = await Promise.all(said.map(([name, properties]) => burst(name, properties)))
said.forEach(([, properties], i) => console.log(properties.receiveMaximum ?? 'none', ...results[i]))
JS
node burst.mjs "$port" | tee seen
printf '10 20 connected 81\n20 40 connected 61\nnone 101 connected 0\n' | diff - seen && echo "as described"
